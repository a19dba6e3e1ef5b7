import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ComparedRun } from '@ogong/engine/llama-cpp/segment/compare-segments';
import { type ComparisonOrder, compareInChild } from '@ogong/engine/llama-cpp/segment/run-comparison';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { define, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { hashFile } from '@ogong/models/file-hashes';
import { cutModel, MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { SlabError } from '@ogong/models/slabs/slab-error';
import { openFileHashes } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  hashSlabManifest,
  listEdges,
  type SlabManifest,
  slabManifestFormat,
} from '@ogong/protocol/commitment/slab-manifest';
import { formatBytes } from '@ogong/provider/commands/format';
import { createPullLine } from '@ogong/provider/commands/pull-progress';
import { bringModel } from './bring-model.ts';

const edges = define('ascending layers such as 20,40', '<layers>', (value) => {
  if (!/^\d{1,5}(,\d{1,5}){0,126}$/.test(value)) return undefined;
  const layers = value.split(',').map(Number);
  return layers.every((layer, i) => layer > (layers[i - 1] ?? 0)) ? layers : undefined;
});

const splitConfig = defineConfig({
  name: 'ogong model split',
  examples: [
    'ogong model split stories15M --edges 2,4',
    'ogong model split model.gguf --edges 20,40 --out slabs --json',
  ],
  summary:
    'Cuts a model into slabs, so that several providers can serve it together, each with some of its layers.\n' +
    'Before it writes the manifest it runs the slabs against the whole model and compares every logit, bit for bit.',
  fields: {
    ...modelsDirField,
    edges: { schema: edges, required: true, description: 'layers at which slabs begin, besides layer 0' },
    out: {
      schema: text,
      label: '<folder>',
      description: 'folder of the slabs and their manifest; default: <name>-slabs in the working directory',
    },
    json: jsonField,
  },
  positionals: { label: '<model>', min: 1, max: 1 },
});

const nameSlab = (from: number, to: number): string => `slab-${from}-${to}.gguf`;

/** One reply with guesses, and four side by side. */
const RUNS: readonly ComparedRun[] = [
  { sequences: 1, promptTokens: 80, pieceRows: 32, steps: 16, guesses: 3, seed: 1 },
  { sequences: 4, promptTokens: 24, pieceRows: 24, steps: 8, guesses: 0, seed: 2 },
];

export interface SplitDependencies {
  /** Runs the slabs against the whole model. */
  readonly compare: typeof compareInChild;
}

export async function splitModel(
  argv: readonly string[],
  output: Output,
  { compare }: SplitDependencies = { compare: compareInChild },
): Promise<number> {
  const parsed = splitConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { modelsDir, edges, out, json } = parsed.values;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  try {
    const { signal } = stopping;
    const model = await bringModel(parsed.positionals[0] as string, { modelsDir, output, signal });
    if (!existsSync(model.path) || !statSync(model.path).isFile())
      throw new ConfigError(splitConfig.definition.name, [
        `${model.name} is a folder of networks; only a GGUF file is cut`,
      ]);
    const folder = resolve(out ?? `${model.name}-slabs`);
    const known = await readWholeCut(folder, { modelRoot: model.modelRoot, edges });
    if (known !== undefined) {
      output.writeError(`${folder} has these slabs already\n`);
      report(output, { folder, manifest: known, json });
      return EXIT.ok;
    }
    mkdirSync(folder, { recursive: true });
    const manifest = await writeCut({ modelPath: model.path, modelsDir, edges, folder, output, compare, signal });
    report(output, { folder, manifest, json });
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SlabError)) throw error;
    output.writeError(`ogong model split: ${error.message}\n`);
    return error.code === 'bad-edges' ? EXIT.usage : EXIT.data;
  } finally {
    process.off('SIGINT', stop);
  }
}

interface CutOrder extends SplitDependencies {
  readonly modelPath: string;
  readonly modelsDir: string;
  readonly edges: readonly number[];
  readonly folder: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Writes slabs under names that no reader takes, compares them, and then names them. @throws SlabError if they differ. */
async function writeCut({
  modelPath,
  modelsDir,
  edges,
  folder,
  output,
  compare,
  signal,
}: CutOrder): Promise<SlabManifest> {
  const drafts: { readonly draft: string; readonly path: string }[] = [];
  const isTerminal = process.stderr.isTTY === true;
  const show = createPullLine(isTerminal ? (text) => void process.stderr.write(text) : output.writeError, isTerminal);
  try {
    const manifest = await cutModel(
      modelPath,
      edges,
      ({ from, to }) => {
        const path = join(folder, nameSlab(from, to));
        drafts.push({ draft: `${path}.part`, path });
        return `${path}.part`;
      },
      {
        hashes: openFileHashes(modelsDir),
        onProgress: ({ slab, slabs, sizeBytes }) =>
          show({ status: `slab ${slab + 1} of ${slabs}`, digest: slab, completed: sizeBytes }, performance.now()),
        signal,
      },
    );
    show({ status: 'comparing the slabs with the whole model' }, performance.now());
    const order: ComparisonOrder = { modelPath, slabPaths: drafts.map(({ draft }) => draft), runs: RUNS };
    const { rows, differing } = await compare(order, { signal });
    if (differing > 0 || rows === 0)
      throw new SlabError(
        'unsupported-model',
        `this cut changes the model: ${differing} of ${rows} rows of logits differ from those of the whole model; no manifest is written`,
      );
    show({ status: `${rows} rows of logits are equal to those of the whole model` }, performance.now());
    publish(folder, drafts, manifest);
    return manifest;
  } finally {
    for (const { draft } of drafts) rmSync(draft, { force: true });
  }
}

/** Replaces the slabs of an earlier cut. The manifest is gone while the slabs change. */
function publish(
  folder: string,
  drafts: readonly { readonly draft: string; readonly path: string }[],
  manifest: SlabManifest,
): void {
  const path = join(folder, MANIFEST_FILE);
  const earlier = readManifest(path);
  rmSync(path, { force: true });
  for (const { path } of earlier === undefined ? [] : listSlabFiles(folder, earlier)) rmSync(path, { force: true });
  for (const { draft, path } of drafts) renameSync(draft, path);
  writeFileSync(`${path}.part`, slabManifestFormat.encode(manifest));
  renameSync(`${path}.part`, path);
}

/** Returns the manifest of a folder that has exactly this cut, with all slabs whole. */
async function readWholeCut(
  folder: string,
  { modelRoot, edges }: Pick<SlabManifest, 'modelRoot'> & { readonly edges: readonly number[] },
): Promise<SlabManifest | undefined> {
  const manifest = readManifest(join(folder, MANIFEST_FILE));
  if (manifest === undefined || toHex(manifest.modelRoot) !== toHex(modelRoot)) return undefined;
  if (listEdges(manifest).join() !== edges.join()) return undefined;
  for (const { path, sha256 } of listSlabFiles(folder, manifest)) {
    if (!existsSync(path) || toHex(await hashFile(path)) !== toHex(sha256)) return undefined;
  }
  return manifest;
}

function readManifest(path: string): SlabManifest | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return slabManifestFormat.decode(readFileSync(path));
  } catch {
    // Another version's file, or a damaged one: the slabs are cut again.
    return undefined;
  }
}

const listSlabFiles = (folder: string, { slabs }: SlabManifest) =>
  slabs.map(({ to, sizeBytes, sha256 }, i) => {
    const from = slabs[i - 1]?.to ?? 0;
    return { from, to, sizeBytes, sha256, path: join(folder, nameSlab(from, to)) };
  });

function report(
  output: Output,
  { folder, manifest, json }: { readonly folder: string; readonly manifest: SlabManifest; readonly json: boolean },
): void {
  const files = listSlabFiles(folder, manifest);
  const { modelRoot, cutter, layers } = manifest;
  const manifestHash = toHex(hashSlabManifest(nodeCrypto, manifest));
  const path = join(folder, MANIFEST_FILE);
  if (json) {
    const slabs = files.map((file) => ({ ...file, sha256: toHex(file.sha256) }));
    printJson(output, { manifest: path, manifestHash, modelRoot: toHex(modelRoot), cutter, layers, slabs });
    return;
  }
  for (const { from, to, sizeBytes, sha256, path } of files)
    output.write(
      `layers ${from} to ${to - 1}  ${formatBytes(sizeBytes)}  sha256 ${toHex(sha256).slice(0, 16)}  ${path}\n`,
    );
  output.write(`manifest ${manifestHash}\n${path}\n`);
}
