import { resolve } from 'node:path';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, text } from '@ogong/host/config/values';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { pullByName } from '@ogong/hub/named/fetch-model';
import { findVersion } from '@ogong/hub/named/find-version';
import { formatVersion } from '@ogong/hub/named/named-model';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatBytes } from '@ogong/provider/commands/format';
import { copyEvaluations } from './copy-evaluations.ts';
import { rememberModel } from './known-models.ts';
import { createNamedCommand, namedFields } from './named-command.ts';
import { askPlaces, fromField } from './open-places.ts';
import { readReadme } from './read-readme.ts';
import { createTransferLines } from './transfer-lines.ts';

export const pullConfig = defineConfig({
  name: 'ogong hub pull',
  examples: [
    'ogong hub pull acme/small --deployment deployment.json',
    'ogong hub pull acme/small@1.2.0 --from https://mirror.example/hub --deployment deployment.json',
  ],
  summary:
    'Brings a model onto this machine, by its name on the chain. Every block is checked against the manifest that its maker signed.\n' +
    'It asks all places at once, and continues after a break. It prints the path to serve.',
  fields: {
    ...namedFields,
    to: {
      schema: text,
      label: '<folder>',
      description: 'store for the files; default: the folder hub below --models-dir',
    },
    ...fromField,
    evaluations: {
      schema: boolean,
      boolean: true,
      description: 'bring the evaluations of the manifest, too; no engine needs them',
    },
    json: jsonField,
  },
  positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
});

export const pullHubModel = createNamedCommand(pullConfig, ({ values, name, hub, entry, ownPlaces, output }) => {
  const store = values.to === undefined ? hub.store : openFolderStore(resolve(values.to));
  const { onEvent } = createTransferLines(output);
  return askPlaces({ ...hub, store, ownPlaces }, async (asked) => {
    const version = await findVersion({ ...asked, entry, version: name.version });
    const { listed } = version;
    const { manifest, manifestHash, path, isNew } = await pullByName({ ...asked, listed, facts: entry.facts, onEvent });
    await rememberModel(hub, version.found, await readReadme(version, asked));
    const copy = { sources: version.places, store, signal: asked.signal };
    const evaluations = values.evaluations ? await copyEvaluations(manifest, copy, output) : [];
    const number = formatVersion(manifest.version);
    const sizeBytes = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    const shown = { name: `${name.maker}/${name.model}`, version: number, path, sizeBytes, isNew };
    const [manifestText, modelRoot] = [manifestHash, manifest.modelRoot].map(toHex);
    if (values.json)
      printJson(output, { ...shown, manifest: manifestText, modelRoot, licence: manifest.licence, evaluations });
    else {
      const kept = evaluations.map((one) => `evaluation ${one.path}\n`).join('');
      output.write(
        `${shown.name} ${number}  ${formatBytes(sizeBytes)}  root ${modelRoot}  ${manifest.licence}${isNew ? '' : '  was here'}\n${path}\n${kept}`,
      );
    }
    return EXIT.ok;
  });
});
