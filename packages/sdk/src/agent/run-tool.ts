import { ProtocolError, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseJsonText } from '@ogong/protocol/base/json';
import { toPrintable } from '@ogong/protocol/base/printable';
import { findFault } from './tool-schema.ts';

/** A function that the model may call. */
export interface AgentTool {
  /** 1 to 128 letters, digits and `_.:/-`. */
  readonly name: string;
  readonly description?: string;
  /** JSON schema of the arguments, an object. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /**
   * Runs the tool. The model receives the text, or the message of a thrown error.
   * @param given the arguments, which fit the schema.
   */
  readonly run: (
    given: Readonly<Record<string, unknown>>,
    call: { readonly signal: AbortSignal },
  ) => Promise<string> | string;
}

export interface ToolLimits {
  /** Time of one call, ms. */
  readonly timeoutMs: number;
  /** The longest result, bytes of UTF-8. */
  readonly maxResultBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** The longest error that the model receives, UTF-16 units. */
const MAX_ERROR = 1_000;

/** Runs a call and returns the text for the model. An error is a text as well. @throws the reason of `signal` alone. */
export async function runTool(
  tools: readonly AgentTool[],
  { name, arguments: written }: { readonly name: string; readonly arguments: string },
  limits: ToolLimits,
): Promise<string> {
  const { maxResultBytes, signal } = limits;
  signal?.throwIfAborted();
  try {
    const tool = tools.find((one) => one.name === name);
    if (tool === undefined) throw new Error(`there is no tool ${name}; there are ${tools.map((one) => one.name)}`);
    const result = await runWithin(tool, readArguments(tool, written), limits);
    if (typeof result !== 'string') throw new Error('the tool returned no text');
    if (isLonger(result, maxResultBytes)) throw new Error(`the result is longer than ${maxResultBytes} bytes`);
    return result.toWellFormed();
  } catch (error) {
    signal?.throwIfAborted();
    return `error: ${describe(error)}`;
  }
}

/** A text that is too long by its UTF-16 units alone is not encoded. */
const isLonger = (text: string, maxBytes: number): boolean =>
  text.length > maxBytes || utf8Encode(text).length > maxBytes;

/** The cut may leave half of a character, which no request may have. */
const describe = (error: unknown): string =>
  toPrintable(String(error instanceof Error ? error.message : 'the tool failed').slice(0, MAX_ERROR)).toWellFormed();

/** @throws Error that tells the model its fault. */
function readArguments(tool: AgentTool, written: string): Readonly<Record<string, unknown>> {
  const given = parse(written);
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Error('the arguments are no JSON object');
  const fault = findFault(tool.parameters, given, 'arguments');
  if (fault !== undefined) throw new Error(fault);
  return given as Readonly<Record<string, unknown>>;
}

function parse(written: string): unknown {
  try {
    return parseJsonText(written);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** A tool may throw before it returns a promise. */
const start = async (tool: AgentTool, given: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<string> =>
  tool.run(given, { signal });

async function runWithin(
  tool: AgentTool,
  given: Readonly<Record<string, unknown>>,
  { timeoutMs, signal }: ToolLimits,
): Promise<string> {
  const own = new AbortController();
  const stop = (): void => own.abort(signal?.reason);
  const timer = setTimeout(() => own.abort(new Error(`the tool took longer than ${timeoutMs} ms`)), timeoutMs);
  signal?.addEventListener('abort', stop);
  try {
    // A tool that ignores its signal goes on, but nobody waits for it.
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    own.signal.addEventListener('abort', () => reject(own.signal.reason));
    return await Promise.race([start(tool, given, own.signal), aborted]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}
