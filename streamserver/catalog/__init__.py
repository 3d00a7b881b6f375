"""Where videos, renditions, subtitles and jobs are recorded: in memory, in SQLite, in MySQL or MariaDB."""
