import type { EventEnvelope } from "../../contracts/envelope";
import type { Rig } from "../lib/rig";
import { openWith } from "./kafka";

/** kafkajs by hand, with the CloudEvents headers that the hub's records have. */
export const open = (): Promise<Rig> =>
  openWith((message) => {
    const { eventId, eventType, source, timestamp, key, correlationId } = message as EventEnvelope;
    return {
      ce_specversion: "1.0",
      ce_id: eventId,
      ce_type: eventType,
      ce_source: source,
      ce_time: timestamp,
      ce_subject: key,
      ce_correlationid: correlationId,
      "content-type": "application/json",
    };
  });
