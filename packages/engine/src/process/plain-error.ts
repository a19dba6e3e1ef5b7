import { EngineError } from '../interface/engine-error.ts';
import type { PlainError } from './child-messages.ts';

/** Errors lose their class on the way between processes: they travel as plain values. */
export function toPlainError(error: unknown): PlainError {
  if (error instanceof EngineError) return { code: error.code, message: error.message, retryable: error.retryable };
  return { code: 'engine-crashed', message: error instanceof Error ? error.message : String(error), retryable: false };
}

export const fromPlainError = ({ code, message, retryable }: PlainError): EngineError =>
  new EngineError(code, message, { retryable });
