import { appendFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { TextEngine } from '@ogong/engine/interface/text';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { type Filter, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { type RecordedOptions, type RecordedServer, startRecordedServer } from './recorded-server.ts';

interface PluginOrder {
  readonly draw_key: string;
  readonly record: string;
  readonly sampler: Readonly<Record<string, number>> & { readonly filter_order: readonly Filter[] };
  readonly bias: readonly (readonly [number, number])[];
  readonly bank_seed: string;
  readonly directions: number;
}

export interface PluginServerOptions extends Partial<RecordedOptions> {
  readonly directory: string;
  /** Computes in vLLM's place. */
  readonly model: string;
  readonly engine: TextEngine;
  /** Changes a window before it is written. */
  readonly bendWindow?: (window: WindowBytes) => WindowBytes;
}

/** A recorded vLLM with the project's plugin. It reads `vllm_xargs`, names tokens, and writes windows as the plugin does. */
export function startPluginServer({
  directory,
  engine,
  bendWindow = (window) => window,
  ...options
}: PluginServerOptions): Promise<RecordedServer> {
  async function answer(body: Readonly<Record<string, unknown>>, response: ServerResponse): Promise<void> {
    const order = JSON.parse((body.vllm_xargs as { ogong: string }).ogong) as PluginOrder;
    const { sampler } = order;
    const left = new AbortController();
    response.on('close', () => left.abort());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (fields: object): boolean =>
      response.write(
        `data: ${JSON.stringify({ id: 'x', model: options.model, choices: [{ index: 0, text: '', ...fields }] })}\n\n`,
      );
    const events = engine.generate(
      {
        prompt: { kind: 'tokens', tokens: Uint32Array.from(body.prompt as number[]) },
        sampler: {
          ...PLAIN_SAMPLER,
          temperatureQ16: sampler.temperature_q16 as number,
          topK: sampler.top_k as number,
          topPQ24: sampler.top_p_q24 as number,
          minPQ24: sampler.min_p_q24 as number,
          presencePenaltyQ16: sampler.presence_q16 as number,
          frequencyPenaltyQ16: sampler.frequency_q16 as number,
          filterOrder: sampler.filter_order,
        },
        bias: order.bias.map(([id, biasQ16]) => ({ id, biasQ16 })),
        drawKey: fromHex(order.draw_key),
        maxTokens: body.max_tokens as number,
        ...{ stop: [], topLogprobs: 0 },
        sketch: { bankSeed: fromHex(order.bank_seed), directions: order.directions },
      },
      { signal: left.signal },
    );
    for await (const event of events) {
      if (event.kind === 'window') await write(order.record, bendWindow(event.window));
      else if (event.kind === 'token') send({ token_ids: [event.token.id] });
      else if (event.kind === 'end') send({ finish_reason: event.stopReason === 'stop-token' ? 'stop' : 'length' });
    }
    response.end('data: [DONE]\n\n');
  }

  async function write(record: string, { draws, sketch }: WindowBytes): Promise<void> {
    const parts = [draws, sketch].flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    });
    await appendFile(join(directory, record), Buffer.concat(parts), { mode: 0o600 });
  }

  return startRecordedServer({
    ...options,
    kind: 'vllm',
    answer: (body, response) => {
      answer(body, response).catch(() => response.destroy());
      return true;
    },
  });
}
