"""The trial: what is limited when, on purpose, so that the effect can be measured."""
