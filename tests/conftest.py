"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long a machine takes is for the bench to tell: beside other work it may take any time.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
