import { VERSION } from '../version.ts';
import type { ReplyStep, ReplySteps, StepAttributes } from './reply-steps.ts';
import { createSpanId, type SpanPlace, traceOfReply } from './trace-context.ts';

export interface OtlpExporterOptions {
  /** Address of a collector of OTLP over HTTP; spans go to `/v1/traces` there. */
  readonly endpoint: string;
  /** Such as `ogong-gatewayd`. */
  readonly service: string;
  readonly role: string;
  /** 0..1 of all replies. Every daemon takes the same ones. Default: 1. */
  readonly share?: number;
  /** Pause between two messages. Default: 2,000. */
  readonly intervalMs?: number;
}

export interface OtlpExporterDependencies {
  readonly steps: ReplySteps;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Called when the collector refuses spans, and not again before it has accepted some. */
  readonly onError: (error: unknown) => void;
  readonly send?: (url: string, body: string, signal: AbortSignal) => Promise<void>;
}

export interface OtlpExporter {
  start(): void;
  /** Sends the rest. */
  stop(): Promise<void>;
}

const MAX_QUEUED = 8_192;
const MAX_PER_MESSAGE = 512;
const SEND_TIMEOUT_MS = 5_000;
/** Values of the enumerations of OTLP. */
const [KIND_INTERNAL, KIND_SERVER, STATUS_ERROR] = [1, 2, 2];

/**
 * Sends steps as spans, in the JSON form of OTLP/HTTP. Nothing of the daemon waits for the collector: spans that it does not take are
 * dropped.
 */
export function createOtlpExporter(options: OtlpExporterOptions, dependencies: OtlpExporterDependencies): OtlpExporter {
  const { share = 1, intervalMs = 2_000 } = options;
  const { steps, onError, send = postSpans } = dependencies;
  const newSpanId = (): string => createSpanId(dependencies.randomBytes);
  const url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  const resource = { attributes: toAttributes({ 'service.name': options.service, 'service.version': VERSION }) };
  let queued: object[] = [];
  let dropped = 0;
  let isToldOfFailure = false;
  let sending: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const unsubscribe = steps.subscribe((step) => {
    if (!isTaken(step.replyId, share)) return;
    const spans = toSpans(step, options.role, newSpanId);
    if (queued.length + spans.length > MAX_QUEUED) dropped += spans.length;
    else queued.push(...spans);
  });

  async function flush(): Promise<void> {
    while (queued.length > 0) {
      const spans = queued.slice(0, MAX_PER_MESSAGE);
      queued = queued.slice(spans.length);
      const scope = { name: 'ogong', version: VERSION };
      const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] });
      try {
        await send(url, body, AbortSignal.timeout(SEND_TIMEOUT_MS));
        isToldOfFailure = false;
      } catch (error) {
        dropped += spans.length + queued.length;
        queued = [];
        if (!isToldOfFailure) onError(new Error(`${dropped} spans were dropped so far`, { cause: error }));
        isToldOfFailure = true;
      }
    }
  }

  return {
    start() {
      timer ??= setInterval(() => {
        sending = sending.then(flush);
      }, intervalMs).unref();
    },
    async stop() {
      clearInterval(timer);
      unsubscribe();
      await sending;
      await flush();
    },
  };
}

/** Reply ids are hashes, so their first bytes are as good as chance, and the same for all daemons. */
const isTaken = (replyId: string, share: number): boolean => Number.parseInt(replyId.slice(0, 8), 16) / 2 ** 32 < share;

function toSpans(step: ReplyStep, role: string, newSpanId: () => string): object[] {
  const reply = traceOfReply(step.replyId);
  const attributes = { 'ogong.role': role, 'ogong.reply_id': step.replyId, ...step.attributes };
  const times = {
    startTimeUnixNano: toNanoseconds(step.startMs),
    endTimeUnixNano: toNanoseconds(step.endMs),
    ...(step.failure !== undefined && { status: { code: STATUS_ERROR, message: step.failure } }),
  };
  const { caller, linked } = step;
  if (!step.isWhole) {
    const links = linked === undefined ? [] : [traceOfReply(linked)];
    const own = { traceId: reply.traceId, spanId: newSpanId(), parentSpanId: reply.spanId };
    return [{ ...own, name: step.name, kind: KIND_INTERNAL, ...times, ...about(attributes, links) }];
  }
  const shown = { name: step.name, kind: KIND_SERVER, ...times };
  const whole = { ...reply, ...shown, ...about(attributes, caller ? [caller] : []) };
  if (caller === undefined) return [whole];
  // The caller's own trace has the call, too, and leads from there to the reply's.
  const call = { traceId: caller.traceId, spanId: newSpanId(), parentSpanId: caller.spanId };
  return [whole, { ...call, ...shown, ...about(attributes, [reply]) }];
}

const about = (attributes: StepAttributes, links: readonly SpanPlace[]) => ({
  attributes: toAttributes(attributes),
  ...(links.length > 0 && { links: links.map(({ traceId, spanId }) => ({ traceId, spanId })) }),
});

/** A decimal text: nanoseconds since 1970 exceed the range of a JSON number. */
const toNanoseconds = (ms: number): string => `${BigInt(Math.round(ms)) * 1_000_000n}`;

function toAttributes(attributes: StepAttributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: toValue(value) }));
}

function toValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

async function postSpans(url: string, body: string, signal: AbortSignal): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the collector answered with status ${response.status}`);
}
