import { COMMANDS, type CommandType } from "./commands";
import { EVENTS, type EventType } from "./events";
import { commandSchema, eventSchema } from "./messages";
import { majorOf, UPCASTERS, type Upcasters } from "./upcasters";

type Schema = Record<string, unknown>;
export interface Contract {
  version: string;
  /** A command's queue or an event's topic. */
  channel: string;
  /** JSON schema of the whole message. */
  schema: Schema;
}
/** Contracts by message type, as they are released and kept in `contracts/snapshots`. */
export type Snapshot = Record<string, Contract>;

/** The contracts of today. */
export function currentSnapshot(): Snapshot {
  const events = (Object.keys(EVENTS) as EventType[]).map((type) => {
    const { version, topic, data } = EVENTS[type];
    return [type, { version, channel: topic, schema: eventSchema(type, data) }];
  });
  const commands = (Object.keys(COMMANDS) as CommandType[]).map((type) => {
    const { version, data } = COMMANDS[type];
    return [type, { version, channel: type, schema: commandSchema(type, data) }];
  });
  return JSON.parse(JSON.stringify(Object.fromEntries([...events, ...commands]))) as Snapshot;
}

/**
 * What is wrong with `current` for those who rely on `released`; empty when nothing is. A breaking change
 * needs a new major and an upcaster for each major that it leaves behind; any other change a new minor.
 */
export function incompatibilities(
  released: Snapshot,
  current: Snapshot,
  upcasters: Upcasters = UPCASTERS,
): string[] {
  return Object.entries(released).flatMap(([type, old]) => {
    const now = current[type];
    if (!now) return [`${type}: is gone; its messages are still in event stores and queues`];
    const moved =
      now.channel === old.channel ? [] : [`is on ${now.channel} and not on ${old.channel} any more`];
    const broken = [...moved, ...changesOf(old.schema, now.schema, "")];
    if (majorOf(now.version) > majorOf(old.version))
      return missingUpcasters(type, old, now, upcasters).map((what) => `${type}: ${what}`);
    if (broken.length > 0) return broken.map((what) => `${type}: ${what}`);
    const changed = JSON.stringify(old.schema) !== JSON.stringify(now.schema);
    if (changed && !isNewer(now.version, old.version))
      return [`${type}: changed without a new minor version (${old.version})`];
    return isNewer(old.version, now.version)
      ? [`${type}: went back from ${old.version} to ${now.version}`]
      : [];
  });
}

function missingUpcasters(type: string, old: Contract, now: Contract, upcasters: Upcasters): string[] {
  const missing: string[] = [];
  for (let major = majorOf(old.version); major < majorOf(now.version); major++)
    if (!upcasters[`${type}@${major}`]) missing.push(`has no upcaster for version ${major}`);
  return missing;
}

const minorOf = (version: string): number => Number(version.split(".")[1]);
const isNewer = (a: string, b: string): boolean =>
  majorOf(a) > majorOf(b) || (majorOf(a) === majorOf(b) && minorOf(a) > minorOf(b));

/** Limits by which way they get narrower. */
const NARROWER: Record<string, (old: number, now: number) => boolean> = {
  minimum: (old, now) => now > old,
  minLength: (old, now) => now > old,
  minItems: (old, now) => now > old,
  maximum: (old, now) => now < old,
  maxLength: (old, now) => now < old,
  maxItems: (old, now) => now < old,
};
const UNLIMITED: Record<string, number> = { minimum: -Infinity, minLength: 0, minItems: 0 };

/** Breaking changes between two schemas of the same field; `at` is its JSON pointer. */
function changesOf(old: Schema, now: Schema, at: string): string[] {
  const field = at || "the message";
  if (old.anyOf || now.anyOf) return alternativesLost(old, now, field);
  const changes: string[] = [];
  for (const name of ["type", "const", "format", "pattern"] as const)
    if (JSON.stringify(old[name]) !== JSON.stringify(now[name]) && now[name] !== undefined)
      changes.push(`${field}: ${name} was ${show(old[name])} and is ${show(now[name])}`);
  if (old.type !== undefined && now.type === undefined)
    changes.push(`${field}: lost its type ${show(old.type)}`);
  for (const [name, narrower] of Object.entries(NARROWER)) {
    const none = UNLIMITED[name] ?? (name.startsWith("min") ? 0 : Infinity);
    const [was, is] = [old[name] ?? none, now[name] ?? none] as [number, number];
    if (narrower(was, is)) changes.push(`${field}: ${name} was ${show(old[name])} and is ${is}`);
  }
  if (now.additionalProperties === false && old.additionalProperties !== false)
    changes.push(`${field}: takes no further fields any more`);
  if (old.items && now.items)
    changes.push(...changesOf(old.items as Schema, now.items as Schema, `${at}/items`));
  return [...changes, ...fieldChanges(old, now, at)];
}

function fieldChanges(old: Schema, now: Schema, at: string): string[] {
  const [was, is] = [fieldsOf(old), fieldsOf(now)];
  const [wasRequired, isRequired] = [requiredOf(old), requiredOf(now)];
  const kept = Object.entries(was).flatMap(([name, schema]) => {
    const pointer = `${at}/${name}`;
    const today = is[name];
    if (!today) return [`${pointer}: is gone`];
    const optional = wasRequired.has(name) && !isRequired.has(name);
    return [...(optional ? [`${pointer}: may be missing now`] : []), ...changesOf(schema, today, pointer)];
  });
  const asked = [...isRequired].filter((name) => !wasRequired.has(name));
  return [
    ...kept,
    ...asked.map((name) => `${at}/${name}: is required now, and older messages do not have it`),
  ];
}

/** Each alternative of old must still be one; new ones may come. A single schema is one alternative. */
function alternativesLost(old: Schema, now: Schema, field: string): string[] {
  const of = (schema: Schema) => (schema.anyOf as Schema[] | undefined) ?? [schema];
  const constants = (schema: Schema) => of(schema).every((one) => "const" in one);
  const lost = of(old).filter((one) => !of(now).some((other) => changesOf(one, other, "").length === 0));
  const retyped =
    constants(old) === constants(now) ? [] : [`${field}: was one of a list and is not, or the reverse`];
  const gained = of(now).some((one) => one.type === "null") && !of(old).some((one) => one.type === "null");
  return [
    ...lost.map((one) => `${field}: ${show(one.const ?? one.type)} is not allowed any more`),
    ...(lost.length === 0 ? retyped : []),
    ...(gained ? [`${field}: may be null now`] : []),
  ];
}

const fieldsOf = ({ properties = {} }: Schema) => properties as Record<string, Schema>;
const requiredOf = ({ required = [] }: Schema) => new Set(required as string[]);
const show = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));
