import { setTimeout as delay } from 'node:timers/promises';
import { type DescMethodUnary, fromBinary } from '@bufbuild/protobuf';
import type { LinkClient } from '@ogong/host/link/link-client';
import { LinkError } from '@ogong/host/link/link-error';
import {
  ProviderService,
  RouterService,
  ValidatorService,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { openStrangerLink } from '../attackers/protocol/network/stranger-link.ts';

const SERVICES = { ProviderService, RouterService, ValidatorService, VerifierService };

/** Callers, target and messages of a flood, as plain data for another process. */
export interface CallFlood {
  readonly endpoint: { readonly host: string; readonly port: number };
  /** Base64, like the messages. */
  readonly certHash: string;
  readonly service: keyof typeof SERVICES;
  /** As in the proto file, such as `Admit`. */
  readonly method: string;
  readonly callers: readonly FloodCaller[];
  /** Of all callers together. */
  readonly perSecond: number;
}

export interface FloodCaller {
  /** Its certificate follows from it, see openStrangerLink. */
  readonly name: string;
  /** It calls from there. */
  readonly address: string;
  /** It sends them in turn. */
  readonly messages: readonly string[];
}

/** Number of calls by outcome: `answered`, or the reason of the refusal. */
export type FloodCounts = Record<string, number>;

export interface OpenFlood {
  /** Begins this number of calls at the flood's pace. @returns when all of them have ended. */
  send(calls: number): Promise<FloodCounts>;
  close(): void;
}

/** Interval at which the pace is corrected. */
const TICK_MS = 10;
/** More would only wait in the attacker's own memory. */
const MAX_RUNNING = 2_000;
const CALL_TIMEOUT_MS = 5_000;
/** Limit of a flood that waits, low enough that a slow server answers each call in time. */
const MAX_AWAITED = 64;

/**
 * @param options.waits begins a call only when there is room for it, however late, so that every call has an outcome. Default: keeps the pace
 * and drops calls for which a slow server leaves no room.
 */
export async function openFlood(flood: CallFlood, { waits = false } = {}): Promise<OpenFlood> {
  const door = { endpoint: flood.endpoint, certHash: new Uint8Array(Buffer.from(flood.certHash, 'base64')) };
  const service = SERVICES[flood.service];
  const method = service.methods.find(({ name }) => name === flood.method) as DescMethodUnary;
  const callers = await Promise.all(
    flood.callers.map(async ({ name, address, messages }) => {
      const link = await openStrangerLink(door, name, address);
      const inputs = messages.map((one) => fromBinary(method.input, new Uint8Array(Buffer.from(one, 'base64'))));
      return { link, inputs, call: openCall(link, service, method) };
    }),
  );
  let sent = 0;

  /** @returns the outcome of the next call. */
  async function callNext(): Promise<string> {
    const { inputs, call } = callers[sent % callers.length] as (typeof callers)[number];
    const input = inputs[Math.floor(sent++ / callers.length) % inputs.length] as object;
    try {
      await call(input);
      return 'answered';
    } catch (error) {
      return error instanceof LinkError ? (error.refusal ?? error.code) : 'failed';
    }
  }

  return {
    async send(calls) {
      const counts: FloodCounts = {};
      const running = new Set<Promise<void>>();
      const startMs = performance.now();
      for (let begun = 0; begun < calls; ) {
        const due = Math.min(calls, ((performance.now() - startMs) * flood.perSecond) / 1000);
        for (; begun < due; begun++) {
          while (waits && running.size >= MAX_AWAITED) await Promise.race(running);
          if (running.size >= MAX_RUNNING) {
            counts.unsent = (counts.unsent ?? 0) + 1;
            continue;
          }
          const one = callNext().then((outcome) => {
            counts[outcome] = (counts[outcome] ?? 0) + 1;
            running.delete(one);
          });
          running.add(one);
        }
        await delay(TICK_MS);
      }
      await Promise.all(running);
      return counts;
    },
    close() {
      for (const { link } of callers) link.close();
    },
  };
}

function openCall(
  link: LinkClient,
  service: (typeof SERVICES)[keyof typeof SERVICES],
  method: (typeof service)['methods'][number],
): (input: object) => Promise<unknown> {
  const client = link.service(service) as unknown as Record<string, (input: object, options: object) => unknown>;
  const call = client[method.localName] as (input: object, options: object) => unknown;
  const options = { timeoutMs: CALL_TIMEOUT_MS };
  if (method.methodKind === 'unary') return async (input) => call(input, options);
  return async (input) => {
    for await (const _ of call(input, options) as AsyncIterable<unknown>);
  };
}
