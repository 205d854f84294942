import { formatTraceparent, parseTraceparent } from "../../../contracts/traceparent";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("parseTraceparent", () => {
  it("reads what formatTraceparent writes", () => {
    expect(parseTraceparent(formatTraceparent(TRACE, SPAN))).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      sampled: true,
    });
  });

  it.each([
    ["00", false],
    ["01", true],
    ["02", false],
    ["03", true],
    ["ff", true],
  ])("takes the sampled bit out of the flags %s", (flags, sampled) => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-${flags}`)?.sampled).toBe(sampled);
  });

  it("reads a later version, whatever comes behind", () => {
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes-later`)).toMatchObject({ traceId: TRACE });
  });

  it.each([
    ["nothing", undefined],
    ["two headers", [formatTraceparent(TRACE, SPAN)]],
    ["version ff", `ff-${TRACE}-${SPAN}-01`],
    ["version 00 with more behind", `00-${TRACE}-${SPAN}-01-more`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["a span id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["upper case", `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ["too short", `00-${TRACE.slice(1)}-${SPAN}-01`],
    ["no flags", `00-${TRACE}-${SPAN}`],
  ])("does not follow %s", (_what, text) => {
    expect(parseTraceparent(text)).toBeNull();
  });
});
