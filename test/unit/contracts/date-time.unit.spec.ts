import { Type } from "@sinclair/typebox";
import { fieldErrors } from "../../../contracts/validate";

const Time = Type.String({ format: "date-time" });
const isTime = (text: string): boolean => fieldErrors(Time, text) === null;

test.each([
  "2026-01-15T09:30:00.000Z",
  "2026-01-15T09:30:00Z",
  "2026-01-15t09:30:00.123456z",
  "2026-01-15 09:30:00+02:00",
  "2024-02-29T00:00:00-11:30",
  "2026-12-31T23:59:59Z",
])("%s is a time", (text) => {
  expect(isTime(text)).toBe(true);
  expect(Number.isNaN(Date.parse(text))).toBe(false);
});

test.each([
  "2026-02-29T00:00:00Z",
  "2026-04-31T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-01-15T24:00:00Z",
  "2016-12-31T23:59:60Z",
  "2026-01-15\u202809:30:00Z",
  "2026-01-15\t09:30:00Z",
  "2026-01-15T09:30:00",
  "2026-01-15",
  "yesterday",
  "",
])("%j is none", (text) => {
  expect(isTime(text)).toBe(false);
});
