# A second look at the tests that failed. Sourced by `run`.
#
# The tests start hundreds of real servers, and where the machine belongs to others as well, one of them may be late.
# What fails is run again by itself, in a fresh process with nothing beside it, and named whatever comes of it. More
# than a few are no accident, and are not run again.

MOST_AGAIN=5
LAST_FAILED=.pytest_cache/v/cache/lastfailed

failed_tests() {
  .venv/bin/python -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' "$LAST_FAILED" 2>/dev/null
}

test_again() {
  failed=$(failed_tests) || return 1
  [ -n "$failed" ] && [ "$(echo "$failed" | wc -l)" -le "$MOST_AGAIN" ] || return 1
  echo "==> failed beside other tests; again, alone:"
  echo "$failed"
  make --no-print-directory test WORKERS=0 ARGS="$* --last-failed --last-failed-no-failures=none" || return 1
  echo "==> FLAKY: failed beside other tests, passed alone:"
  echo "$failed"
}
