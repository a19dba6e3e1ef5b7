import { readAvailableMemory } from '@ogong/engine/llama-cpp/device/memory';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { nameAsTyped } from '@ogong/host/config/typed-commands';
import { boolean, decimal, text } from '@ogong/host/config/values';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import {
  type Catalogue,
  type CatalogueModel,
  filterCatalogue,
  measureWeights,
  openCatalogue,
  type Quantisation,
  readCatalogue,
  refreshedCatalogue,
  writeCatalogue,
} from '@ogong/models/catalogue';
import { refreshCatalogue } from '@ogong/models/catalogue-refresh';
import { DEFAULT_HUB } from '@ogong/models/hub';
import { engineFields } from '../engine/engine-config.ts';
import { formatBytes, formatTable } from './format.ts';

const catalogueField = {
  catalogue: {
    schema: text,
    label: '<path>',
    description:
      'the file to read alone; without it the one that comes with the program, and over it the one of refresh',
  },
} as const;
const shared = { json: jsonField, ...catalogueField, ...modelsDirField };

export const catalogueListConfig = defineConfig({
  name: 'ogong-provider catalogue list',
  summary: 'Lists open models that can be pulled. A size with "about" is computed from parameters and bits.',
  positionals: { label: '[<part of a name>]', max: 1 },
  fields: {
    fits: {
      schema: boolean,
      boolean: true,
      description: 'those whose weights take at most 80 % of the memory that is free now',
    },
    maxSize: { schema: decimal({ min: 0 }), label: '<GB>', description: 'those whose weights take at most so much' },
    licence: { schema: text, label: '<name>', description: 'those under this licence, such as apache-2.0' },
    ...shared,
  },
  examples: ['ogong-provider catalogue list --fits', 'ogong-provider catalogue list qwen3 --max-size 6'],
});

export const catalogueShowConfig = defineConfig({
  name: 'ogong-provider catalogue show',
  summary: 'Shows the facts of a model of the catalogue, their sources, and the way to pull it.',
  positionals: { label: '<model>', min: 1, max: 1 },
  fields: shared,
  examples: ['ogong-provider catalogue show qwen3-8b'],
});

export const catalogueRefreshConfig = defineConfig({
  name: 'ogong-provider catalogue refresh',
  summary:
    'Asks the hub for the files, sizes, hashes and licence of every model of the catalogue, and writes them down.\n' +
    'An entry that the hub does not answer, or answers wrongly, stays as it was.',
  fields: {
    out: {
      schema: text,
      label: '<path>',
      description: 'the file to write; without it catalogue.json where models are kept',
    },
    hubEndpoint: engineFields.hubEndpoint,
    hubToken: engineFields.hubToken,
    ...shared,
  },
  examples: ['ogong-provider catalogue refresh', 'ogong-provider catalogue refresh --out catalogue.json --json'],
});

/** The rest is for the KV cache, for computing, and for other programs. */
const WEIGHT_SHARE = 0.8;

const openNamed = ({ catalogue, modelsDir }: { catalogue: string | undefined; modelsDir: string }): Catalogue =>
  catalogue === undefined ? openCatalogue(modelsDir) : readCatalogue(catalogue);

/** Runs `ogong-provider catalogue list`. */
export async function listCatalogue(argv: readonly string[], output: Output): Promise<number> {
  const parsed = catalogueListConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const limits = [
    ...(values.fits ? [readAvailableMemory() * WEIGHT_SHARE] : []),
    ...(values.maxSize === undefined ? [] : [values.maxSize * 1e9]),
  ];
  const models = filterCatalogue(openNamed(values).models, {
    maxBytes: limits.length === 0 ? undefined : Math.min(...limits),
    licence: values.licence,
    text: positionals[0],
  });
  if (values.json) printJson(output, models);
  else if (models.length === 0) output.writeError('the catalogue has no such model: ogong-provider catalogue list\n');
  else output.write(formatTable(['NAME', 'PARAMETERS', 'LICENCE', 'QUANTISATIONS', 'SIZE'], models.map(formatRow)));
  return EXIT.ok;
}

async function showCatalogue(argv: readonly string[], output: Output): Promise<number> {
  const parsed = catalogueShowConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { sources, models } = openNamed(parsed.values);
  const name = parsed.positionals[0] as string;
  const model = models.find((each) => each.name === name.toLowerCase());
  if (model === undefined)
    throw new ConfigError('ogong-provider catalogue show', [
      `"${name.slice(0, 100)}" is not in the catalogue; ogong-provider catalogue list shows what is`,
    ]);
  const named = Object.fromEntries(model.sources.map((source) => [source, sources[source]]));
  if (parsed.values.json) printJson(output, { ...model, sources: named });
  else output.write(formatModel(model, named));
  return EXIT.ok;
}

async function refresh(argv: readonly string[], output: Output): Promise<number> {
  const parsed = catalogueRefreshConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values } = parsed;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  const say = (line: string): void => {
    if (!values.json) output.writeError(`${line}\n`);
  };
  try {
    const access = { endpoint: values.hubEndpoint ?? DEFAULT_HUB, token: values.hubToken?.reveal() };
    const { catalogue, changed, kept, rehashed } = await refreshCatalogue(openNamed(values), access, {
      onModel: (model, done, total) => say(`${done + 1} of ${total}  ${model}`),
      onRetry: ({ file, reason, pauseMs }) =>
        say(`${file}: ${reason}; asking again in ${(pauseMs / 1000).toFixed(1)} s`),
      signal: stopping.signal,
    });
    const path = values.out ?? refreshedCatalogue(values.modelsDir);
    await writeCatalogue(path, catalogue);
    if (values.json) printJson(output, { path, models: catalogue.models.length, changed, rehashed, kept });
    for (const { model, reason } of kept) say(`${model} stays as it was: ${reason}`);
    for (const { model, path: file } of rehashed) say(`${model}: ${file} has other bytes than before`);
    say(`${changed.length} of ${catalogue.models.length} models changed; written to ${path}`);
    return kept.length === 0 ? EXIT.ok : EXIT.unavailable;
  } finally {
    process.off('SIGINT', stop);
  }
}

const SHOWN_QUANTISATIONS = 4;

function formatRow(model: CatalogueModel): string[] {
  const quants = model.quantisations.map(({ quant }) => quant);
  const rest = quants.length - SHOWN_QUANTISATIONS;
  const shown = quants.slice(0, SHOWN_QUANTISATIONS).join(' ') + (rest > 0 ? ` and ${rest} more` : '');
  const sizes = model.quantisations.flatMap((each) => measureWeights(model, each) ?? []);
  const smallest = sizes.toSorted((a, b) => a.bytes - b.bytes)[0];
  const size =
    smallest === undefined ? 'unknown' : `${smallest.isEstimate ? 'about ' : ''}${formatBytes(smallest.bytes)}`;
  return [
    model.name,
    formatParameters(model),
    model.licence ?? 'unknown',
    shown,
    sizes.length > 1 ? `from ${size}` : size,
  ];
}

function formatParameters({ parameters, activeParameters }: CatalogueModel): string {
  const active = activeParameters === undefined ? '' : `, ${formatCount(activeParameters)} active`;
  return parameters === undefined ? `unknown${active}` : formatCount(parameters) + active;
}

const formatCount = (count: number): string =>
  count >= 1e9 ? `${Number((count / 1e9).toFixed(1))}B` : `${Math.round(count / 1e6)}M`;

function formatModel(model: CatalogueModel, sources: Readonly<Record<string, string | undefined>>): string {
  const { name, repository, commit, licence = 'unknown', draft, quantisations } = model;
  const at = commit === undefined ? '' : `@${commit}`;
  const pull = (quant: string): string =>
    nameAsTyped(`ogong-provider pull hf:${repository}${at}:${quant.toLowerCase()}`, process.env);
  return formatTable(
    [],
    [
      ['model', name],
      ['repository', repository],
      ...(commit === undefined ? [] : [['commit', commit]]),
      ['licence', licence],
      ['parameters', formatParameters(model)],
      ...(draft === undefined ? [] : [['draft', draft]]),
      ...quantisations.flatMap((each) => [
        [each.quant, `${formatSize(model, each)}: ${pull(each.quant)}`],
        ...each.files.map(({ path, sha256 }) => ['', `${path}  sha256 ${sha256 ?? 'unknown'}`]),
      ]),
      ...Object.entries(sources).map(([source, where]) => ['source', where ?? source]),
    ],
  );
}

function formatSize(model: CatalogueModel, quantisation: Quantisation): string {
  const size = measureWeights(model, quantisation);
  return size === undefined ? 'size unknown' : `${size.isEstimate ? 'about ' : ''}${formatBytes(size.bytes)}`;
}

export const catalogueCommand: Command = createCommandGroup({
  program: 'ogong-provider',
  name: 'catalogue',
  summary: 'open models: sizes, licences, hashes',
  verbs: {
    list: { summary: 'models of the catalogue', run: listCatalogue },
    show: { summary: 'facts of a model, and their sources', run: showCatalogue },
    refresh: { summary: 'ask the hub for what is new', run: refresh },
  },
  examples: ['ogong-provider catalogue list --fits', 'ogong-provider catalogue show qwen3-8b'],
});
