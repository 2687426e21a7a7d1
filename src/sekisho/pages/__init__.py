"""Pages for people, made of values by templates: the notice and the report of a trial."""
