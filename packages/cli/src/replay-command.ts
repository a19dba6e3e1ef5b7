import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, httpUrl, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Command } from '@ogong/host/lifecycle/command';
import { describeFailure } from '@ogong/host/log/errors';
import { attachMedia } from '@ogong/protocol/modality/media/detach-media';
import { engineFields, loadModel, SCORES_ONLY } from '@ogong/provider/engine/engine-config';
import type { RerunFindings } from '@ogong/provider/modality/modality';
import { formatChecks } from './print-checks.ts';
import { completeReceipt, readReceiptFile, toPlainBytes } from './receipt-file.ts';
import { rerunReceipt } from './rerun.ts';

/** 0: this machine computes the same. 1: it does not. 2: there is nothing to compare. 3: it cannot tell. */
export const REPLAY_EXIT = { accept: 0, reject: 1, unusable: 2, inconclusive: 3 } as const;

const { modelsDir, hubEndpoint, hubToken, verify, backend, kvType, isa, threads, nCtx } = engineFields;

export const replayConfig = defineConfig({
  name: 'ogong replay',
  examples: ['ogong replay receipt.json --model stories15M'],
  summary:
    'Runs the model of a receipt again on this machine, for a text, for vectors or for scores, and compares: bit for bit\n' +
    'if the receipt names a class that runs here. Exits with 0 if the results agree, 1 if not, 3 if it cannot tell, 2 if the input cannot be used.',
  fields: {
    model: {
      schema: text,
      label: '<path|name>',
      env: 'OGONG_MODEL',
      required: true,
      description: 'the model: a GGUF file, a model folder, hf:owner/repo[:quant], a URL, or a built-in name',
    },
    request: { schema: text, label: '<path>', description: 'the exact body of the request, if the receipt has none' },
    gateway: { schema: httpUrl, label: '<url>', description: 'where to fetch the opening of a compact receipt from' },
    json: { schema: boolean, boolean: true, description: 'print the finding as JSON' },
    ...{ modelsDir, hubEndpoint, hubToken, verify, backend, kvType, isa, threads, nCtx },
  },
  positionals: { label: '<receipt.json|url>', min: 1, max: 1 },
});

export const replayCommand: Command = {
  name: 'replay',
  summary: 'run the model of a receipt again, and compare',
  async run(argv, output) {
    try {
      const parsed = replayConfig.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return REPLAY_EXIT.accept;
      }
      const { values, positionals } = parsed;
      const file = await readReceiptFile(positionals[0] as string);
      const request = values.request === undefined ? file.request : readFileSync(values.request);
      if (request === undefined) {
        output.writeError('ogong replay: the receipt holds no request; give --request\n');
        return REPLAY_EXIT.unusable;
      }
      const receipt = await completeReceipt(file.receipt, values);
      const shown = { receipt, request: toPlainBytes(request), blobs: file.blobs };
      const media = attachMedia(nodeCrypto, shown.request, file.media);
      const log = { info: () => {}, warn: () => {} };
      const { engine } = await loadModel(values.model, { ...values, ...SCORES_ONLY, sequences: 1 }, { log });
      try {
        const signal = new AbortController().signal;
        const found = await rerunReceipt(
          { ...shown, media },
          { engine, crypto: nodeCrypto, signal, draw: randomBytes(32) },
        );
        output.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : formatRerun(found));
        return REPLAY_EXIT[found.outcome];
      } finally {
        await engine.close();
      }
    } catch (error) {
      output.writeError(`ogong replay: ${describeFailure(error)}\n`);
      return REPLAY_EXIT.unusable;
    }
  },
};

const WORDS: Readonly<Record<RerunFindings['outcome'], string>> = {
  accept: 'this machine computes the same',
  reject: 'this machine does not compute what the receipt says',
  inconclusive: 'this machine cannot tell',
};

export function formatRerun({ outcome, checks, numericClass, difference }: RerunFindings): string {
  const ran = numericClass === undefined ? '' : `, in class ${numericClass}`;
  const where =
    difference === undefined ? '' : `the first difference is at output token ${difference.position}, counted from 0\n`;
  return `${formatChecks(checks)}${where}${WORDS[outcome]}${ran}\n`;
}
