import type { Logger } from '@ogong/host/log/logger';
import { toPrintable } from '@ogong/protocol/base/printable';
import { ToolError } from './tool-error.ts';

export interface ToolResult {
  readonly [field: string]: unknown;
  readonly content: { readonly type: 'text'; readonly text: string }[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
}

/** Runs the work of one call within the limits of the process. */
export type RunCall = (
  tool: string,
  asked: AbortSignal,
  work: (signal: AbortSignal) => Promise<ToolResult>,
) => Promise<ToolResult>;

export interface RunnerLimits {
  /** Calls that run at once. */
  readonly concurrency: number;
  readonly timeoutMs: number;
}

/** Longest message of an error, UTF-16 units. */
const MAX_MESSAGE = 2_000;

/** Errors become results that the agent reads. An unexpected one reveals nothing about this machine. */
export function createCallRunner({ concurrency, timeoutMs }: RunnerLimits, log: Logger): RunCall {
  let running = 0;
  return async (tool, asked, work) => {
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      if (running >= concurrency) throw new ToolError('busy', `${running} calls run already; try again later`);
      running++;
      const signal = AbortSignal.any([asked, limit]);
      // Work that ignores its signal keeps its place until it ends, but its caller is answered.
      const worked = work(signal).finally(() => {
        running--;
      });
      return await Promise.race([worked, rejectOnAbort(signal)]);
    } catch (error) {
      log.warn({ tool, err: error }, 'a call failed');
      return { content: [{ type: 'text', text: explain(error, limit, timeoutMs) }], isError: true };
    }
  };
}

const rejectOnAbort = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });

function explain(error: unknown, limit: AbortSignal, timeoutMs: number): string {
  if (limit.aborted) return `the call took longer than ${timeoutMs} ms`;
  const isExpected = error instanceof Error && 'code' in error;
  return isExpected ? toPrintable(error.message).slice(0, MAX_MESSAGE) : 'this server failed; its log says why';
}

/** The same value for programs, and as text for models. */
export const toResult = (value: Record<string, unknown>, text = JSON.stringify(value)): ToolResult => ({
  content: [{ type: 'text', text }],
  structuredContent: value,
});
