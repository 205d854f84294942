import type { HubError } from "./errors";

/** An error as RFC 9457 tells it: `application/problem+json`, with a stable `code`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  [extra: string]: unknown;
}

/** The body of an error's answer. */
export const problemBody = ({ code, status, message: detail, details }: HubError): Problem => ({
  type: "about:blank",
  title: TITLES[status] ?? "Error",
  status,
  code,
  detail,
  ...details,
});

/** The names of the status codes, as RFC 9110 and RFC 6585 have them. */
export const TITLES: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};
