import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { EngineError } from '../interface/engine-error.ts';

/** @throws EngineError */
export function parseDocument(address: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new EngineError('engine-crashed', `${address} answers what is no JSON: ${cause.message}`, { cause });
  }
}

export const createTooLong = (address: string, bytes: number): EngineError =>
  new EngineError('engine-crashed', `${address} answers with more than ${bytes} bytes, which nobody reads`);
