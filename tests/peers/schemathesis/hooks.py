"""A new Idempotency-Key for each call that has a sound one: under the same key twice, most would only hear 422."""

import re
import uuid

import schemathesis

SOUND = re.compile("[!-~]{1,128}")


@schemathesis.hook
def before_call(context, case, kwargs):
    if SOUND.fullmatch(str((case.headers or {}).get("Idempotency-Key", ""))):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
