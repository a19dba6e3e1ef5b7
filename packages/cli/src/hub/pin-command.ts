import { defineConfig } from '@ogong/host/config/define-config';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { HubManifest } from '@ogong/hub/manifest';
import { findVersion } from '@ogong/hub/named/find-version';
import { formatVersion } from '@ogong/hub/named/named-model';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { createNamedCommand, type NamedCall, namedFields } from './named-command.ts';
import { askPlaces } from './open-places.ts';

const define = (program: string, summary: string) =>
  defineConfig({
    name: program,
    examples: [`${program} acme/small --deployment deployment.json`],
    summary,
    fields: { ...namedFields, json: jsonField },
    positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
  });

export const pinConfig = define(
  'ogong hub pin',
  'Protects the files of a model in the store of this machine, so that no command and no daemon removes them.',
);
export const unpinConfig = define('ogong hub unpin', 'Ends the protection of the files of a model on this machine.');

export const pinModel = createNamedCommand(pinConfig, (call) => changePins(call, { isPinned: true, change: pinFiles }));

export const unpinModel = createNamedCommand(unpinConfig, (call) =>
  changePins(call, {
    isPinned: false,
    change: async (ids, { unpin }) => {
      for (const id of ids) await unpin(id);
    },
  }),
);

interface PinChange {
  readonly isPinned: boolean;
  readonly change: (ids: readonly string[], store: FolderStore) => Promise<void>;
}

async function changePins(
  { values, name, hub, entry, output }: NamedCall<{ readonly json: boolean }>,
  { isPinned, change }: PinChange,
): Promise<number> {
  const { store } = hub;
  const { found } = await askPlaces(hub, (asked) => findVersion({ ...asked, entry, version: name.version }));
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
