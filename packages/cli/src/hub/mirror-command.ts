import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { pullByName } from '@ogong/hub/named/fetch-model';
import { findVersion } from '@ogong/hub/named/find-version';
import { formatVersion, hasNamedModel } from '@ogong/hub/named/named-model';
import { openFolderPlace } from '@ogong/hub/named/open-place';
import { formatPlaceSource } from '@ogong/hub/place';
import { copyFiles } from '@ogong/hub/transfer/copy';
import { pullModel } from '@ogong/hub/transfer/pull';
import { toHex } from '@ogong/protocol/base/bytes';
import { copyEvaluations } from './copy-evaluations.ts';
import { createNamedCommand, namedFields } from './named-command.ts';
import { askPlaces, fromField } from './open-places.ts';
import { openTarget } from './open-target.ts';
import { createTransferLines } from './transfer-lines.ts';

const program = 'ogong hub mirror';

export const mirrorConfig = defineConfig({
  name: program,
  examples: ['ogong hub mirror acme/small --store /srv/hub --deployment deployment.json'],
  summary:
    'Copies a version of a model to another store: manifest, block lists, files and evaluations. A web server of that folder is a place.\n' +
    'The maker can name the place with ogong hub push --place; any reader can name it with ogong hub pull --from.',
  fields: {
    ...namedFields,
    store: {
      schema: text,
      label: '<store>',
      required: true,
      description: 'store that gets the copy: a folder, s3://bucket/prefix, ipfs:, walrus: or hf:owner/repo',
    },
    ...fromField,
    json: jsonField,
  },
  positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
});

export const mirrorModel = createNamedCommand(mirrorConfig, async ({ values, name, hub, entry, ownPlaces, output }) => {
  const target = await openTarget(program, values.store, hub.store.directory);
  const { onEvent, onProgress } = createTransferLines(output);
  try {
    return await askPlaces({ ...hub, ownPlaces }, async (asked) => {
      const { crypto, signal } = asked;
      const { listed, found, places } = await findVersion({ ...asked, entry, version: name.version });
      const { manifest, manifestHash, encoded } = found;
      const { facts } = entry;
      if (target.folder !== undefined) {
        const sources = (await hasNamedModel(hub.store, manifest)) ? [openFolderPlace(hub.store)] : places;
        await pullModel(crypto, { signed: found, facts, sources, store: target.folder, onEvent, signal });
      } else {
        await pullByName({ ...asked, listed, facts, onEvent });
        await copyFiles(manifest.files, { from: hub.store, to: target.store, onProgress, signal });
      }
      const sources = [openFolderPlace(hub.store), ...places];
      const own = { sources, store: target.folder ?? hub.store, signal };
      const evaluations = await copyEvaluations(manifest, own, output);
      if (target.folder === undefined)
        for (const { hash, path } of evaluations) await target.store.putEvaluation(hash, path, signal);
      await target.putManifest(toHex(manifestHash), encoded);
      const place = await target.publish();
      const source = place && formatPlaceSource(place);
      const number = formatVersion(manifest.version);
      const shown = { name: `${name.maker}/${name.model}`, version: number, manifest: toHex(manifestHash) };
      if (values.json)
        printJson(output, {
          ...{ ...shown, evaluations: evaluations.map(({ hash }) => hash) },
          ...(source !== undefined && { source }),
        });
      else
        output.write(
          `${shown.name} ${number} is in ${values.store}\n${source === undefined ? 'serve that folder over https, and its address is the place' : `place ${source}`}\n`,
        );
      return EXIT.ok;
    });
  } finally {
    await target.close();
  }
});
