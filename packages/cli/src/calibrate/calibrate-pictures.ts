import { resolve } from 'node:path';
import { type Engine, openEngine } from '@ogong/engine/open-engine';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { integer, text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createTableFile, readTableFile, signTableFile, writeTableFile } from '@ogong/host/drift-table/table-file';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  compareDistanceKeys,
  type DistanceRow,
  getLargest,
  MIN_DISTANCE_REPLIES,
} from '@ogong/protocol/modality/text/drift/distance-rows';
import { addRows, succeed } from '@ogong/provider/calibration/combine-tables';
import { findModality } from '@ogong/provider/modality/registry';
import { assertWritable, codeVersionField, jsonField, keyField, loadSigner } from './calibrate-fields.ts';

export const picturesConfig = defineConfig({
  name: 'ogong calibrate pictures',
  examples: ['ogong calibrate pictures --model ./tiny-shapes-flow-dit --out drift-table.json'],
  summary:
    'Measures how far honest pictures differ between the native build and WebAssembly on this machine, in both directions,\n' +
    'and writes the limits into a drift table. Each picture runs all of its steps twice.',
  fields: {
    model: { schema: text, label: '<folder>', required: true, description: 'model of pictures to measure: its folder' },
    replies: {
      schema: integer({ min: MIN_DISTANCE_REPLIES, max: 1_000_000 }),
      label: '<n>',
      default: '60',
      description: 'pictures of each direction',
    },
    steps: {
      schema: integer({ min: 1, max: 150 }),
      label: '<n>',
      description: "steps of each picture; the model's own number if not given",
    },
    out: { schema: text, label: '<path>', default: 'drift-table.json', description: 'file for the table' },
    previous: { schema: text, label: '<path>', description: 'table that this one follows; its other rows stay' },
    key: keyField,
    codeVersion: codeVersionField,
    json: jsonField,
  },
});

export async function calibratePictures(argv: readonly string[], output: Output): Promise<number> {
  const parsed = picturesConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { model, replies, steps, out, previous, key, codeVersion, json } = parsed.values;
  assertWritable(out);
  const before = previous === undefined ? undefined : readTableFile(crypto, resolve(previous));
  const signer = key === undefined ? undefined : loadSigner(key);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const engines: Engine[] = [];
  try {
    const modelPath = resolve(model);
    for (const isa of ['auto', 'wasm']) engines.push(await openEngine({ modelPath, isa }));
    const [native, wasm] = engines as [Engine, Engine];
    const modality = findModality(native);
    if (modality.measureDistances === undefined)
      throw new ConfigError(picturesConfig.definition.name, [
        `--model ${model} is ${modality.modelNoun}; \`ogong calibrate run\` measures it`,
      ]);
    const rows: DistanceRow[] = [];
    for (const [provider, verifier] of [
      [native, wasm],
      [wasm, native],
    ] as const) {
      const title = `${provider.info().numericClass} seen by ${verifier.info().numericClass}`;
      const onProgress = (measured: number): void => {
        if (measured % 10 === 0 || measured === replies) output.writeError(`${measured} of ${replies}: ${title}\n`);
      };
      const options = { crypto, replies, steps, codeVersion, signal: stopping.signal, onProgress };
      rows.push(await modality.measureDistances({ provider, verifier }, options));
    }
    const distances = rows.sort(compareDistanceKeys);
    const table = addRows(before, { ...succeed(before), families: [], rows: [], distances });
    const unsigned = createTableFile(crypto, table);
    const file = signer === undefined ? unsigned : signTableFile(unsigned, signer);
    writeTableFile(resolve(out), file);
    const result = { path: out, version: table.version, hash: toHex(file.hash), distances: distances.map(toJson) };
    if (json) printJson(output, result);
    else {
      for (const row of distances) output.write(describe(row));
      output.write(`${out}: ${distances.length} rows measured, version ${table.version}, hash ${result.hash}\n`);
    }
    return EXIT.ok;
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    output.writeError('stopped; nothing was written\n');
    return EXIT.temporary;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await Promise.allSettled(engines.map((engine) => engine.close()));
  }
}

const toJson = ({ modelRoot, largest, ...row }: DistanceRow): object => ({
  ...{ modelRoot: toHex(modelRoot), ...row },
  largest: Object.fromEntries(largest.map(({ name, value }) => [name, value])),
});

function describe(row: DistanceRow): string {
  const show = (measure: string): string => (getLargest(row, measure) ?? 0).toExponential(1);
  const distances = `outputs differ by ${show('output')} at most, pictures by ${show('pixels')}`;
  return `${row.providerClass} seen by ${row.verifierClass}: ${distances}, ${row.replies} pictures\n`;
}
