"""`python -m tests.fakes.moto_server`: moto on a free port of 127.0.0.1, which it prints, until its input ends.

moto's endpoints are in service at once, and cannot be changed. Here they take some looks for it, refuse what they would
on SageMaker meanwhile, and fail as the image of their model says: `unhealthy` never answers, of `scarce` there is none.
"""

import sys

from moto.core.responses import ActionResult
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend as Backend
from moto.sagemaker.responses import SageMakerResponse

LOOKS = 2
"""So often an endpoint is seen while it changes."""
REASONS = {
    "unhealthy": "The primary container for production variant main did not pass the ping health check. See "
    "arn:aws:logs:us-east-1:123456789012:log-group:x",
    "scarce": "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.",
}
moves: dict[str, dict] = {}
"""By endpoint: what is going on, which configuration it is to have, how many looks it takes yet."""
make, show, remove = Backend.create_endpoint, Backend.describe_endpoint, Backend.delete_endpoint


def begin(endpoint, status, config):
    moves[endpoint.endpoint_name] = {"config": config, "looks": LOOKS}
    endpoint.endpoint_status = status


def end(backend, endpoint):
    config = moves.pop(endpoint.endpoint_name)["config"]
    if endpoint.endpoint_status == "Deleting":
        remove(backend, endpoint.endpoint_name)
        return
    model = backend.endpoint_configs[config].production_variants[0]["ModelName"]
    image = backend._models[model].primary_container["Image"]
    why = next((reason for word, reason in REASONS.items() if word in image), None)
    failed_at_once = why and endpoint.endpoint_status == "Creating"
    endpoint.endpoint_status, endpoint.failure_reason = "Failed" if failed_at_once else "InService", why
    endpoint.endpoint_config_name = endpoint.endpoint_config_name if why else config


def refuse_while_it_changes(name):
    if name in moves:
        raise ValidationError(message=f'Cannot update in-progress endpoint "{name}".')


def create_endpoint(backend, endpoint_name, endpoint_config_name, tags):
    endpoint = make(backend, endpoint_name, endpoint_config_name, tags)
    begin(endpoint, "Creating", endpoint_config_name)
    return endpoint


def describe_endpoint(backend, endpoint_name):
    if endpoint_name in moves:
        move = moves[endpoint_name]
        move["looks"] -= 1
        if move["looks"] < 0:
            end(backend, backend.endpoints[endpoint_name])
    return show(backend, endpoint_name)


def delete_endpoint(backend, endpoint_name):
    refuse_while_it_changes(endpoint_name)
    show(backend, endpoint_name)
    begin(backend.endpoints[endpoint_name], "Deleting", None)


def update_endpoint(response):
    backend, name = response.sagemaker_backend, response._get_param("EndpointName")
    refuse_while_it_changes(name)
    show(backend, name)
    begin(backend.endpoints[name], "Updating", response._get_param("EndpointConfigName"))
    return ActionResult({"EndpointArn": backend.endpoints[name].arn})


def main():
    Backend.create_endpoint, Backend.describe_endpoint = create_endpoint, describe_endpoint
    Backend.delete_endpoint, SageMakerResponse.update_endpoint = delete_endpoint, update_endpoint
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
