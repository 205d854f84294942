import { Errors } from "moleculer";
import { HubError, type ErrorDetails } from "../contracts/errors";

interface Plain {
  name: string;
  message: string;
  nodeID: string;
  code: number;
  type: string;
  retryable: boolean;
  stack: string;
  data: unknown;
}

const MARK = "HubError";

/** Carries our errors from node to node with their code, status and details. */
export class Regenerator extends Errors.Regenerator {
  override extractPlainError(error: Error): Plain {
    const plain = super.extractPlainError(error as Errors.MoleculerError) as Plain;
    if (!(error instanceof HubError)) return plain;
    const { code, status, details, retryable } = error;
    return { ...plain, type: MARK, code: status, retryable, data: { code, details } };
  }

  override restoreCustomError(plain: Plain): Error | undefined {
    if (plain.type !== MARK) return undefined;
    const { code, details } = plain.data as { code: string; details: ErrorDetails };
    const error = new HubError(code, plain.code, plain.message, plain.retryable, details);
    error.name = plain.name;
    return error;
  }
}
