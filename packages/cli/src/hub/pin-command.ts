import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { HubManifest } from '@ogong/hub/manifest';
import { findVersion } from '@ogong/hub/named/find-version';
import { formatVersion } from '@ogong/hub/named/named-model';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { openHub, readEntry, readName } from './open-hub.ts';
import { askPlaces } from './open-places.ts';

const define = (program: string, summary: string) =>
  defineConfig({
    name: program,
    examples: [`${program} acme/small --deployment deployment.json`],
    summary,
    fields: { ...chainFields, ...modelsDirField, json: jsonField },
    positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
  });

export const pinConfig = define(
  'ogong hub pin',
  'Protects the files of a model in the store of this machine, so that no command and no daemon removes them.',
);
export const unpinConfig = define('ogong hub unpin', 'Ends the protection of the files of a model on this machine.');

export const pinModel: Command['run'] = (argv, output) =>
  changePins(pinConfig, { argv, output, isPinned: true, change: pinFiles });

export const unpinModel: Command['run'] = (argv, output) =>
  changePins(unpinConfig, {
    ...{ argv, output, isPinned: false },
    change: async (ids, { unpin }) => {
      for (const id of ids) await unpin(id);
    },
  });

interface PinChange {
  readonly argv: readonly string[];
  readonly output: Output;
  readonly isPinned: boolean;
  readonly change: (ids: readonly string[], store: FolderStore) => Promise<void>;
}

async function changePins(config: typeof pinConfig, { argv, output, isPinned, change }: PinChange): Promise<number> {
  const parsed = config.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const program = config.definition.name;
  const name = readName(program, positionals[0] as string);
  const hub = await openHub(program, values);
  const entry = await readEntry(hub, name);
  const { store } = hub;
  const { found } = await askPlaces({ store }, (asked) => findVersion({ ...asked, entry, version: name.version }));
  const { manifest } = found;
  await change(listBlobs(manifest), store);
  const shown = { name: `${name.maker}/${name.model}`, version: formatVersion(manifest.version), isPinned };
  if (values.json) printJson(output, shown);
  else output.write(`${shown.name} ${shown.version} is ${isPinned ? 'pinned' : 'not pinned any more'}\n`);
  return EXIT.ok;
}

const listBlobs = ({ files }: HubManifest): string[] => [...new Set(files.map(({ blockRoot }) => toHex(blockRoot)))];

/** @throws TransferError `not-listed` if a file is missing; then nothing is pinned. */
async function pinFiles(ids: readonly string[], store: FolderStore): Promise<void> {
  for (const id of ids)
    if (!(await store.has(id)))
      throw new TransferError('not-listed', 'this machine has not all files of the model: pull it first');
  for (const id of ids) await store.pin(id);
}
