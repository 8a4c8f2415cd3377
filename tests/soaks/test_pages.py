from soaks.pages import KEPT, PAGE, read_all, render_page


def test_the_page_says_what_the_files_say():
    assert PAGE.read_text() == render_page(read_all(KEPT))


def test_a_promise_that_was_broken_stands_under_the_title():
    kept = {
        "soak": "chaos",
        "at": "2026-11-20T10:00:00+00:00",
        "commit": "190caf5",
        "python": "3.11.7",
        "system": "Linux",
        "cores": 2,
        "options": {"seed": 7},
        "broken": ["1 wrong answers"],
        "figures": {"calls": 12345, "rounds": [{"faults": "old killed", "recovered_after_seconds": 0.5}]},
    }
    page = render_page([kept])
    assert "## chaos\n\n2026-11-20T10:00:00+00:00, commit 190caf5" in page
    assert "- **Broken**: 1 wrong answers" in page
    assert "| calls | 12,345 |" in page
    assert "| faults | recovered after seconds |\n| --- | --- |\n| old killed | 0.5 |" in page
