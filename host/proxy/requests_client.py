# SPDX-License-Identifier: Apache-2.0

"""Asks through the proxy as programs do: requests_client.py MODE URL KEY [PROXY].

It prints what it is answered, as JSON.
"""

import json
import sys

import requests

mode, url, key = sys.argv[1:4]
session = requests.Session()
session.trust_env = False
if mode == "path":
    session.headers["Authorization"] = "Bearer " + key
else:
    session.proxies = {"http": sys.argv[4], "https": sys.argv[4]}
try:
    answer = session.post(url, data=b"from python", stream=True, timeout=30)
    said = {
        "status": answer.status_code,
        "target": answer.headers.get("Echo-Target"),
        "text": b"".join(answer.iter_content(4)).decode(),
    }
except requests.exceptions.ProxyError as problem:
    said = {"error": str(problem)}
print(json.dumps(said))
