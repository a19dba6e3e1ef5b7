import { join } from 'node:path';
import { llamaQuantizer } from '@ogong/engine/llama-cpp/llama-quantizer';
import { findQuantName } from '@ogong/engine/llama-cpp/quantize';
import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { HubManifest } from '@ogong/hub/manifest';
import { pullByName } from '@ogong/hub/named/fetch-model';
import { findVersion } from '@ogong/hub/named/find-version';
import { folderOfModel, formatVersion } from '@ogong/hub/named/named-model';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { convertModel } from '../../convert/convert-model.ts';
import { type OpenedHub, openHub, readEntry, readName } from '../open-hub.ts';
import { askPlaces, fromField, type PlaceSettings, readPlaces } from '../open-places.ts';
import { createTransferLines } from '../transfer-lines.ts';
import { findOrigins, type OriginVersion } from './find-origins.ts';
import { type ModelCopy, repeatStep, type StepDependencies, type StepOutcome } from './repeat-step.ts';

const program = 'ogong hub check-lineage';

export const checkLineageConfig = defineConfig({
  name: program,
  examples: ['ogong hub check-lineage acme/small-gguf --deployment deployment.json'],
  summary:
    'Repeats the steps that made a model from its origins, and compares the result with the file that the maker signed.\n' +
    'It needs the files of the model and of its origins. Exits with 65 if a step gives another file, with 69 if one cannot be repeated.',
  fields: { ...chainFields, ...modelsDirField, ...fromField, json: jsonField },
  positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
});

/** One origin of the manifest with the result. */
interface CheckedOrigin {
  readonly origin: HubManifest['lineage'][number];
  /** Name and version of the origin, if the registry has it. */
  readonly name: string | undefined;
  readonly outcome: StepOutcome;
}

export async function checkLineage(argv: readonly string[], output: Output): Promise<number> {
  const parsed = checkLineageConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const name = readName(program, positionals[0] as string);
  const ownPlaces = readPlaces(program, 'from', values.from);
  const hub = await openHub(program, values);
  const entry = await readEntry(hub, name);
  return askPlaces({ ...hub, ownPlaces }, async (asked) => {
    const { listed } = await findVersion({ ...asked, entry, version: name.version });
    const work = createWork(hub, asked, output);
    const derived = await work.bring({ listed, facts: entry.facts });
    const checked: CheckedOrigin[] = [];
    for (const origin of derived.manifest.lineage) checked.push(await checkOrigin(origin, derived, work));
    report(output, { manifest: derived.manifest, checked, json: values.json });
    return findExitCode(checked);
  });
}

/** Steps of one call. */
interface LineageWork {
  /** Brings a version onto this machine. @throws TransferError, HubBlobError */
  bring(version: OriginVersion): Promise<ModelCopy>;
  findOrigins(root: Pick<HubManifest, 'modelRoot' | 'maker'>): Promise<readonly OriginVersion[]>;
  readonly dependencies: StepDependencies;
}

function createWork(hub: OpenedHub, asked: PlaceSettings, output: Output): LineageWork {
  const { onEvent } = createTransferLines(output);
  const signal = asked.signal ?? new AbortController().signal;
  return {
    async bring({ listed, facts }) {
      const { manifest } = await pullByName({ ...asked, listed, facts, onEvent });
      return { manifest, folder: folderOfModel(hub.store.directory, manifest) };
    },
    findOrigins: (root) => findOrigins(hub, root),
    dependencies: {
      convert: (folder, target) => convertModel(folder, target, { output, signal }),
      quantizer: { ...llamaQuantizer, nameOf: findQuantName },
      workFolder: join(hub.store.directory, 'checking'),
    },
  };
}

/** Tries each version that has the origin's weights, because other files of it decide, too. */
async function checkOrigin(
  origin: CheckedOrigin['origin'],
  derived: ModelCopy,
  { bring, findOrigins, dependencies }: LineageWork,
): Promise<CheckedOrigin> {
  const { maker } = derived.manifest;
  let last: CheckedOrigin = {
    ...{ origin, name: undefined },
    outcome: { kind: 'not-repeatable', detail: 'no model of this registry has these weights' },
  };
  for (const version of await findOrigins({ modelRoot: origin.modelRoot, maker })) {
    const { listed } = version;
    try {
      const local = await bring(version);
      const name = `${listed.maker}/${listed.model} ${formatVersion(local.manifest.version)}`;
      const outcome = await repeatStep(origin.relation, { origin: local, derived }, dependencies);
      last = { origin, name, outcome };
      if (outcome.kind !== 'differs') return last;
    } catch (error) {
      if (!(error instanceof TransferError) || error.code === 'cancelled') throw error;
      const detail = `the files of ${listed.maker}/${listed.model} cannot be fetched: ${error.message}`;
      if (last.outcome.kind !== 'differs')
        last = { ...{ origin, name: undefined }, outcome: { kind: 'not-repeatable', detail } };
    }
  }
  return last;
}

function findExitCode(checked: readonly CheckedOrigin[]): number {
  if (checked.some(({ outcome }) => outcome.kind === 'differs')) return EXIT.data;
  return checked.length > 0 && checked.every(({ outcome }) => outcome.kind === 'repeated') ? EXIT.ok : EXIT.unavailable;
}

const WORDS: Readonly<Record<StepOutcome['kind'], string>> = {
  repeated: 'repeated',
  differs: 'DIFFERS',
  'not-repeatable': 'cannot be repeated',
};

function report(
  output: Output,
  {
    manifest,
    checked,
    json,
  }: { readonly manifest: HubManifest; readonly checked: readonly CheckedOrigin[]; readonly json: boolean },
): void {
  const name = `${manifest.maker}/${manifest.model}`;
  const version = formatVersion(manifest.version);
  const plain = checked.map(({ origin, name: from, outcome }) => ({
    ...{ relation: origin.relation, modelRoot: toHex(origin.modelRoot), ...(from !== undefined && { from }) },
    outcome: outcome.kind,
    ...(outcome.kind !== 'repeated' && { detail: outcome.detail }),
  }));
  if (json) {
    printJson(output, { name, version, modelRoot: toHex(manifest.modelRoot), lineage: plain });
    return;
  }
  output.write(`${name} ${version}  root ${toHex(manifest.modelRoot)}\n`);
  if (plain.length === 0) output.write('its manifest names no origin\n');
  for (const { relation, modelRoot, from = modelRoot, outcome, detail = 'the same file' } of plain)
    output.write(`${WORDS[outcome]}: ${relation} ${from}: ${detail}\n`);
}
