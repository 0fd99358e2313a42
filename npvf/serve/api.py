"""The HTTP API: send a file, ask how far it is, fetch the result. OpenAPI describes it at /api/openapi.json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from npvf.report.pages import script_hash
from npvf.serve.files import BUNDLE, REPORT, RESULT, UPLOAD
from npvf.serve.jobs import Full, Job, Jobs, State
from npvf.serve.uploads import receive
from npvf.version import __version__

# The report may run its own script and no other, and reaches neither this service nor the network.
REPORT_POLICY = (
    "sandbox allow-scripts allow-popups allow-modals; default-src 'none'; img-src data:; media-src data:; "
    f"style-src 'unsafe-inline'; script-src {script_hash('report/report.js')}; frame-ancestors 'self'"
)
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "the video"}},
                }
            }
        },
    }
}


class Problem(BaseModel):
    """Why a request was not answered."""

    detail: str


def _problems(texts: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem, "description": text} for code, text in texts.items()}


class Progress(BaseModel):
    """How far a running job is."""

    step: str = Field(description="load, frames, audio, clips, or report")
    share: float = Field(description="the part of the step that is done, from 0 to 1")


class JobStatus(BaseModel):
    """The state of a job."""

    id: str
    name: str = Field(description="the name of the file, without its folder")
    state: State = Field(description="waiting, running, done (there is a result), or failed")
    position: int | None = Field(description="the place in the queue, from 1, of a waiting job")
    progress: Progress | None = Field(description="of a running job")
    error: str = Field(description="why it failed, beginning with a code: 'time_limit: ...'")


class Health(BaseModel):
    """The state of the service."""

    status: str = "ok"
    version: str = __version__


def _jobs(request: Request) -> Jobs:
    return request.app.state.jobs


def _known(job_id: str, request: Request) -> Job:
    try:
        return _jobs(request).get(job_id)
    except KeyError:
        raise HTTPException(404, "There is no such job, or its result has expired.") from None


KnownJob = Annotated[Job, Depends(_known)]


def _done(job: KnownJob) -> Job:
    if job.state is State.FAILED:
        raise HTTPException(409, job.error)
    if job.state is not State.DONE:
        raise HTTPException(409, f"The job is {job.state}. Ask again later.")
    return job


AllJobs = Annotated[Jobs, Depends(_jobs)]
DoneJob = Annotated[Job, Depends(_done)]
NO_JOB = _problems({404: "No such job, or it has expired"})
NOT_DONE = NO_JOB | _problems({409: "No result yet, or the job has failed"})
NO_UPLOAD = _problems(
    {
        400: "Not a form with one file",
        408: "Too slow",
        413: "Too large",
        415: "Not a video",
        429: "The queue is full: try again after Retry-After seconds",
    }
)
router = APIRouter(prefix="/api", responses=_problems({401: "The token is missing or wrong"}))


@router.post("/jobs", status_code=202, responses=NO_UPLOAD, openapi_extra=FORM)
async def send_a_video(request: Request, response: Response, jobs: AllJobs) -> JobStatus:
    """Send a video, and get a job."""
    try:
        with jobs.place() as job:
            job.name = await receive(request, job.folder / UPLOAD, jobs.settings)
            jobs.add(job)
    except Full as full:
        raise HTTPException(429, str(full), {"Retry-After": str(full.retry_after)}) from full
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return _status(jobs, job)


@router.get("/jobs/{job_id}", responses=NO_JOB)
def state_of_a_job(job: KnownJob, jobs: AllJobs) -> JobStatus:
    """Return the state of a job."""
    return _status(jobs, job)


@router.get("/jobs/{job_id}/result", responses=NOT_DONE)
def result(job: DoneJob, download: bool = False) -> dict[str, Any]:
    """Return the verdict: the same object as `npvf detect --json` prints for this file."""
    return _sent(job, RESULT, "application/json", "json" if download else "")  # type: ignore[return-value]


@router.get("/jobs/{job_id}/report", responses=NOT_DONE, response_class=FileResponse)
def report(job: DoneJob, download: bool = False) -> Response:
    """Return the report (HTML)."""
    answer = _sent(job, REPORT, "text/html; charset=utf-8", "html" if download else "")
    answer.headers["Content-Security-Policy"] = REPORT_POLICY
    return answer


@router.get("/jobs/{job_id}/bundle", responses=NOT_DONE, response_class=FileResponse)
def bundle(job: DoneJob) -> Response:
    """Return report, verdict, settings and hashes in a zip file, which `npvf verify` checks."""
    return _sent(job, BUNDLE, "application/zip", "zip")


@router.delete("/jobs/{job_id}", status_code=204, responses=NO_JOB)
def delete_a_job(job: KnownJob, jobs: AllJobs) -> None:
    """Delete a job and all its files. A running one is stopped."""
    jobs.remove(job.id)


@router.get("/health")
def health() -> Health:
    """Tell that the service works. Needs no token."""
    return Health()


def _status(jobs: Jobs, job: Job) -> JobStatus:
    progress = None
    if job.state is State.RUNNING:
        step, share = job.progress()
        progress = Progress(step=step, share=share)
    return JobStatus(
        id=job.id, name=job.name, state=job.state, position=jobs.position(job), progress=progress, error=job.error
    )


def _sent(job: Job, file: str, media_type: str, suffix: str) -> Response:
    """Return a file of a job; with a suffix, to be saved under the name of the video."""
    headers = {"Cache-Control": "no-store"}
    path = job.folder / file
    if not suffix:
        return FileResponse(path, media_type=media_type, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers, filename=f"{Path(job.name).stem}.npvf.{suffix}")
