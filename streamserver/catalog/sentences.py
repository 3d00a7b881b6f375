"""What every catalog answers when it cannot do as asked."""

NO_VIDEO = "There is no such video."
NO_RENDITION = "There is no such rendition."
NO_JOB = "There is no such job."
NO_UPLOAD = "There is no such upload."
STILL_GROWING = "This rendition still grows; its index is not final."
TAKEN = "Something is recorded under this id already."
FINAL = "This rendition is complete already, and its index never changes."
