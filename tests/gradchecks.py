"""What the tests of gradcheck share: an operation whose derivative is not to be trusted, and reports that complain."""

import pytest

from autodiff import GradcheckError, define_op, gradcheck


@pytest.fixture(name="faulty")
def faulty_operation():
    """faulty(value, partial): the function of an operation whose derivative is not to be trusted."""

    def define(value, *partials):
        return define_op("faulty", value, partials)

    return define


def verdicts(report):
    return [check.verdict for check in report.checks]


def wrong(f, xs, **options):
    with pytest.raises(GradcheckError) as error:
        gradcheck(f, xs, **options)
    assert str(error.value) == str(error.value.report)
    return error.value.report
