"""What all tests share."""

from hypothesis import settings

# An example may take as long as the machine is busy.
usual = settings.get_profile(settings.get_current_profile_name())
settings.register_profile("unhurried", usual, deadline=None)
settings.load_profile("unhurried")
