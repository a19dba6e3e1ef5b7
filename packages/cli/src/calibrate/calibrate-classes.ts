import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { decodeClassTables, encodeClassTables } from '@ogong/engine/class-search/packed-tables';
import { findClasses } from '@ogong/engine/class-search/run';
import { type ClassTable, describeClasses } from '@ogong/engine/class-search/table';
import { ENGINE_DEFAULTS } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, oneOf, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { readHubAccess } from '@ogong/models/hub';
import { openFileHashes } from '@ogong/models/store';
import { jsonField } from './calibrate-fields.ts';

export const classesConfig = defineConfig({
  name: 'ogong calibrate classes',
  examples: ['ogong calibrate classes --model stories15M --quick'],
  summary:
    'Searches which shapes of passes compute the same bits on this machine: rows, sequences, context bands, flash\n' +
    'attention, KV types, threads. Prints a table of classes for this build and hardware.',
  fields: {
    model: {
      schema: text,
      label: '<model>',
      required: true,
      description: 'model to run: a GGUF file, hf:owner/repo[:quant], a URL, or a built-in name',
    },
    quant: { schema: text, label: '<type>', description: 'weights, if the model has several' },
    ...modelsDirField,
    backend: {
      schema: oneOf(['cpu', 'vulkan', 'cuda']),
      label: '<cpu|vulkan|cuda>',
      default: ENGINE_DEFAULTS.backend,
      description: 'backend for the computation; the build of llama.cpp for a GPU is fetched at its first use',
    },
    isa: {
      schema: text,
      label: '<name>',
      description:
        'CPU library of llama.cpp to search in, as sse42 or haswell; the one that serving would take if not given',
    },
    quick: { schema: boolean, boolean: true, description: 'two setups, two bands and eight positions only' },
    write: {
      schema: text,
      label: '<folder>',
      description: 'put the tables into classes.md and classes.json there, beside those of other machines and models',
    },
    json: jsonField,
  },
});

const STOPPING = ['SIGINT', 'SIGTERM'] as const;

export async function searchShapeClasses(argv: readonly string[], output: Output): Promise<number> {
  const parsed = classesConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { model, quant, modelsDir, backend, isa, quick, write, json } = parsed.values;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const signal of STOPPING) process.once(signal, stop);
  try {
    const hashes = openFileHashes(modelsDir);
    const found = await resolveModel(model, {
      ...{ storeDir: modelsDir, hashes },
      ...{ hub: readHubAccess(process.env), signal: stopping.signal },
      ...(quant === undefined ? {} : { quant }),
    });
    output.writeError(
      backend === 'vulkan' ? 'a software device compiles its kernels first, which takes many seconds\n' : '',
    );
    let shown = -1;
    const table = await findClasses({
      ...{ modelPath: found.path, name: found.name, backend, isQuick: quick, signal: stopping.signal, hashes },
      ...(isa === undefined ? {} : { isa }),
      onProgress(done, total, what) {
        const part = Math.floor((20 * done) / total) * 5;
        if (part === shown) return;
        shown = part;
        output.writeError(`${part} %: ${what}\n`);
      },
    });
    output.write(json ? `${JSON.stringify(table, undefined, 2)}\n` : describeClasses(table));
    if (write !== undefined) writeTables(resolve(write), table);
    return EXIT.ok;
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    output.writeError('stopped; nothing was written\n');
    return EXIT.temporary;
  } finally {
    for (const signal of STOPPING) process.off(signal, stop);
  }
}

const HEAD = `# Classes of passes

Finds the shapes of passes that compute the same bits. Written by

    ogong calibrate classes --model <model> [--quant <type>] [--backend vulkan|cuda] [--quick] --write docs/detection

\`forced n\`: one sequence, n rows a pass, all of them wanted. \`step s x r\`: s sequences with r rows each, of which the first is
wanted and the others are forgotten again. The rows before the first compared position come from the same passes everywhere.
`;

/** One section a build, device and model; the others stay. */
function writeTables(folder: string, table: ClassTable): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'classes.json');
  const before = existsSync(path) ? readTables(path) : [];
  const keyOf = ({ build, backend, isa, model }: ClassTable) =>
    [backend, isa, model.name, model.weights, model.root, build].join(' ');
  const tables = [...before.filter((other) => keyOf(other) !== keyOf(table)), table].sort((a, b) =>
    keyOf(a) < keyOf(b) ? -1 : 1,
  );
  writeFileSync(path, encodeClassTables(tables));
  writeFileSync(join(folder, 'classes.md'), [HEAD, ...tables.map(describeClasses)].join('\n'));
}

function readTables(path: string): ClassTable[] {
  try {
    return decodeClassTables(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(classesConfig.definition.name, [`${path}: ${(error as Error).message}`]);
  }
}
