"""When an HTTP answer is complete: by its length, by its chunks, or by the connection's end."""

import pytest

from pytest_foodtrucks.probes.http_answers import Incomplete, read_answer


def body(head: str, rest: bytes, exit_code: int | None = 0) -> str:
    """Return the text of an answer with these fields."""
    return read_answer(exit_code, f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + rest, b"Terminated\n").text


def test_the_length_is_in_bytes_and_what_comes_after_is_no_part_of_it() -> None:
    assert body("Content-Length: 3\r\n", "üü".encode()) == "ü\ufffd"
    assert body("Content-Length: 0\r\n", b"") == ""
    assert body("Content-Length: 2\r\nContent-Length: 2\r\n", b"ab") == "ab"


def test_with_all_of_its_bytes_an_answer_is_complete_however_the_connection_ended() -> None:
    assert body("Content-Length: 2\r\n", b"ab", exit_code=143) == "ab"
    assert body("", b"ab") == "ab"


@pytest.mark.parametrize(
    "length",
    ["many", "-1", "+2", "2_0", "0x2", "\xb2", "", "1.5", "9" * 19, "9" * 5000, "2, 3", "2\r\nContent-Length: 3"],
)
def test_a_length_that_is_no_number_of_bytes_is_told(length: str) -> None:
    with pytest.raises(Incomplete, match=r"the answer's Content-Length is '.*', which is no number of bytes\.$"):
        body(f"Content-Length: {length}\r\n", b"ab")


def test_a_huge_length_is_a_body_that_broke_off() -> None:
    with pytest.raises(Incomplete, match="broke off after 2 of 999999999999999999 bytes"):
        body(f"Content-Length: {'9' * 18}\r\n", b"ab")


@pytest.mark.parametrize("exit_code", [1, 143, None])
def test_without_a_length_a_connection_that_ended_badly_is_told(exit_code: int | None) -> None:
    with pytest.raises(Incomplete, match="broke off after 2 bytes: 'Terminated'"):
        body("", b"ab", exit_code)


def test_chunks_are_put_together() -> None:
    chunked = b"2\r\nab\r\n0A;why=so\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    assert body("Transfer-Encoding: Chunked\r\n", chunked) == "ab0123456789"
    assert body("Transfer-Encoding: gzip, chunked\r\nContent-Length: 7\r\n", b"0\r\n\r\n") == ""


@pytest.mark.parametrize(
    ("rest", "count"),
    [
        (b"", 0),
        (b"2\r\nab", 2),
        (b"2\r\na", 1),
        (b"2\r\nab\r\n", 2),
        (b"2\r\nab\r\nffff\r\nabc", 5),
        (b"2\r\nab\r\n0", 2),
        (b"2\r\nabcd\r\n", 2),
        (b"-2\r\nab\r\n", 0),
        (b"many\r\nab\r\n", 0),
    ],
)
def test_chunks_that_break_off_are_told(rest: bytes, count: int) -> None:
    with pytest.raises(Incomplete, match=f"in chunks, broke off after {count} bytes"):
        body("Transfer-Encoding: chunked\r\n", rest)


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body_whatever_their_length_says(status: int) -> None:
    answer = read_answer(0, f"HTTP/1.1 {status} None\r\nContent-Length: 5\r\n\r\n".encode(), b"")
    assert (answer.status, answer.text) == (status, "")


@pytest.mark.parametrize(
    "output", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 \xb2\xb2\xb2\r\n\r\n"]
)
def test_what_has_no_head_is_shown(output: bytes) -> None:
    with pytest.raises(Incomplete, match=r"no complete answer; the probe saw '.*nc: refused'"):
        read_answer(1, output, b"nc: refused")
