"""Starlette's FileResponse, under uvicorn with uvloop and httptools: `starlette_files.py PORT FOLDER`."""

import sys
from pathlib import Path

# Both are installed beside the project's packages, for the benchmark alone.
import uvicorn  # type: ignore[import-not-found]
from starlette.applications import Starlette  # type: ignore[import-not-found]
from starlette.requests import Request  # type: ignore[import-not-found]
from starlette.responses import FileResponse  # type: ignore[import-not-found]
from starlette.routing import Route  # type: ignore[import-not-found]


def main(port: int, folder: Path) -> None:
    """Serve the files of a folder until the process is ended."""

    async def send(request: Request) -> FileResponse:
        return FileResponse(folder / request.path_params["name"])

    app = Starlette(routes=[Route("/{name}", send)])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
