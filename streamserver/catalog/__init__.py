"""Where videos, renditions and jobs are recorded; one database technology a file."""
