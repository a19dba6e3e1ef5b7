import { EngineError } from '../interface/engine-error.ts';
import type { UpstreamCallPart } from './read-chunk.ts';

/** Writes the calls of a server as the family `hermes` does (docs/spec/answer.md), each once it is whole. */
export interface UpstreamCalls {
  /** @returns the text of calls that are over. @throws EngineError if it is no series of calls. */
  add(parts: readonly UpstreamCallPart[]): string;
  /** @returns the text of the last call. */
  end(): string;
}

const MAX_CALLS = 128;
/** The characters of names that a request may offer. */
const NAME = /^[\w.:/-]{1,128}$/;

const fail = (what: string): never => {
  throw new EngineError('engine-crashed', `the upstream server answers what no API has: ${what}`);
};

/** @param maxBytes of the arguments of one call. */
export function createUpstreamCalls(maxBytes: number): UpstreamCalls {
  let current: { readonly index: number | undefined; name: string; given: string } | undefined;
  let count = 0;

  const end = (): string => {
    if (current === undefined) return '';
    const { name, given } = current;
    current = undefined;
    if (!NAME.test(name)) fail('a call names no tool');
    return `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${writeArguments(given)}}\n</tool_call>`;
  };
  function addPart({ index, name, given }: UpstreamCallPart): string {
    let over = '';
    // Servers that number no calls send each of them in one part.
    const isNext = current === undefined || index !== current.index || (index === undefined && name !== '');
    if (isNext) {
      if (index !== undefined && current?.index !== undefined && index < current.index) {
        fail('it goes back to an earlier call');
      }
      over = end();
      count++;
      if (count > MAX_CALLS) fail(`it makes more than ${MAX_CALLS} calls`);
      current = { index, name: '', given: '' };
    }
    const call = current as NonNullable<typeof current>;
    if (name !== '' && call.name !== '' && name !== call.name) fail('a call changes its name');
    call.name ||= name;
    if (call.given.length + given.length > maxBytes) fail(`a call has more than ${maxBytes} bytes`);
    call.given += given;
    return over;
  }
  return { add: (parts) => parts.map(addPart).join(''), end };
}

/** An object as it is. Any other text stands in quotes, so that it ends where the server ended it. */
function writeArguments(given: string): string {
  if (given.trim() === '') return '{}';
  try {
    const value: unknown = JSON.parse(given);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return given.trim();
  } catch {
    // A model may write what is no JSON, or be cut off.
  }
  return JSON.stringify(given);
}
