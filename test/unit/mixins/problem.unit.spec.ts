import { Errors } from "moleculer";
import * as errors from "../../../contracts/errors";
import { hubError, problemOf } from "../../../mixins/http/problem";
import { Regenerator } from "../../../mixins/regenerator";

const samples = [
  new errors.ValidationError([{ pointer: "/a", detail: "is required" }]),
  new errors.BadCursorError(),
  new errors.UnauthorizedError("TOKEN_INVALID", "no"),
  new errors.ForbiddenError(),
  new errors.NotFoundError("order"),
  new errors.ConflictError("EMAIL_TAKEN", "taken"),
  new errors.FraudSuspectedError("o1"),
  new errors.IdempotencyKeyReusedError(),
  new errors.TooManyRequestsError(7),
  new errors.StoreUnavailableError(),
  new errors.TransientError("PROVIDER_OUTAGE", "away"),
  new errors.PermanentError("PROVIDER_BROKEN", "broken"),
];

test.each(samples.map((error) => [error.name, error] as const))(
  "%s is the same after it crossed the mesh",
  (_name, error) => {
    const regenerator = new Regenerator();
    regenerator.init({ nodeID: "here" } as never);
    const plain: unknown = JSON.parse(JSON.stringify(regenerator.extractPlainError(error)));
    const restored = regenerator.restore(plain as never, {} as never);
    const { code, status, retryable, details, message } = error;
    expect(restored).toMatchObject({ name: error.name, code, status, retryable, details, message });
    expect(problemOf(hubError(restored))).toEqual(problemOf(hubError(error)));
  },
);

test("an answer says when to come again", () => {
  expect(problemOf(new errors.TooManyRequestsError(7)).headers).toEqual({ "Retry-After": "7" });
  expect(problemOf(new errors.StoreUnavailableError()).headers).toHaveProperty("Retry-After");
  expect(problemOf(new errors.MethodNotAllowedError(["GET", "PUT"])).headers).toEqual({ Allow: "GET, PUT" });
});

test("a bug tells nothing of itself", () => {
  const bug = new TypeError("Cannot read properties of undefined (reading 'secret')");
  expect(hubError(bug)).toBeNull();
  const { problem } = problemOf(hubError(bug));
  expect(problem).toEqual(expect.objectContaining({ status: 500, code: "INTERNAL_ERROR" }));
  expect(JSON.stringify(problem)).not.toContain("secret");
});

test("a service that is away is a 503, not a 404", () => {
  for (const error of [
    new Errors.ServiceNotFoundError({ action: "orders.place" }),
    new Errors.ServiceNotAvailableError({ action: "orders.place" }),
    new Errors.RequestTimeoutError({ action: "orders.place", nodeID: "n" }),
  ])
    expect(hubError(error)).toMatchObject({ status: 503, code: "SERVICE_UNAVAILABLE", retryable: true });
});
