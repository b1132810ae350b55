"""Linear algebra in one thread, whoever asked for it before."""

from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_info

from bayesimpute.base.one_thread import one_thread


def widths() -> set[int]:
    import numpy  # noqa: F401  (whose library it is about)

    return {pool["num_threads"] for pool in threadpool_info()}


def enter() -> None:
    with one_thread():
        assert widths() == {1}


def test_a_thread_that_lives_on_does_not_keep_others_from_limiting() -> None:
    before = widths()
    with ThreadPoolExecutor(1) as worker:
        worker.submit(enter).result()
        enter()
        worker.submit(enter).result()
        assert widths() == before
        with one_thread():
            worker.submit(enter).result()
            assert widths() == {1}
    assert widths() == before
