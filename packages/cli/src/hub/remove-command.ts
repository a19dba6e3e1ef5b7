import { resolve } from 'node:path';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { VersionedName } from '@ogong/hub/named/hub-name';
import { formatVersion } from '@ogong/hub/named/named-model';
import { type ModelRemoval, planRemoval, removeModel } from '@ogong/hub/named/remove-model';
import { HubBlobError } from '@ogong/hub/store/blob-store';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import { formatBytes } from '@ogong/provider/commands/format';
import { hubFolder, readName } from './open-hub.ts';

const program = 'ogong hub remove';

export const removeConfig = defineConfig({
  name: program,
  examples: ['ogong hub remove acme/small@1.2.0 --dry-run'],
  summary:
    'Removes a model from the store of this machine, without a version all of its versions. The chain is not asked.\n' +
    'Files that another version or a pin needs stay. A second call does nothing.',
  fields: {
    ...modelsDirField,
    store: {
      schema: text,
      label: '<folder>',
      description: 'store of ogong hub pull --to; default: the folder hub below --models-dir',
    },
    dryRun: { schema: boolean, boolean: true, description: 'remove nothing: show what would be removed' },
    json: jsonField,
  },
  positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
});

export const removeHubModel: Command['run'] = async (argv, output) => {
  const parsed = removeConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const { dryRun } = values;
  const name = readName(program, positionals[0] as string);
  const store = openFolderStore(values.store === undefined ? hubFolder(values.modelsDir) : resolve(values.store));
  const removal = await planUnpinned(store, name);
  if (!dryRun) await removeModel(store, removal);
  const { keptPaths, freedBytes } = removal;
  const versions = removal.versions.map(({ manifest }) => formatVersion(manifest.version));
  const shown = { name: `${name.maker}/${name.model}`, versions, freedBytes, kept: keptPaths, dryRun };
  if (values.json) printJson(output, shown);
  else if (versions.length === 0) output.write(`${positionals[0]} is not on this machine\n`);
  else {
    const done = dryRun ? 'nothing was removed. It would remove:' : 'removed:';
    const kept = keptPaths.map((path) => `  ${path} stays: another version or a pin needs it\n`).join('');
    output.write(`${done} ${shown.name} ${versions.join(', ')}  ${formatBytes(freedBytes)} become free\n${kept}`);
  }
  return EXIT.ok;
};

/** @throws ConfigError with the way out for a pinned version. */
async function planUnpinned(store: FolderStore, name: VersionedName): Promise<ModelRemoval> {
  try {
    return await planRemoval(crypto, store, name);
  } catch (error) {
    if (!(error instanceof HubBlobError) || error.code !== 'pinned') throw error;
    const [pinned = ''] = error.message.split(' ');
    throw new ConfigError(program, [`${error.message}; end that with ogong hub unpin ${pinned}`]);
  }
}
