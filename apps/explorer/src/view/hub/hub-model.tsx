import type { Check } from '@ogong/protocol/base/checks';
import { useEffect, useState } from 'preact/hooks';
import { loadManifest } from '../../check/load-manifest.ts';
import type { HubCard, HubManifestFacts } from '../../data/hub-card.ts';
import type { NetworkState } from '../../data/store.ts';
import { formatBytes } from '../../format.ts';
import { Card, CheckList, Facts, Hash, Table } from '../parts.tsx';
import { Evaluations } from './evaluations.tsx';
import { LineageGraph } from './lineage-graph.tsx';
import { Pins } from './pins.tsx';
import { Readme } from './readme.tsx';
import { Served } from './served.tsx';
import { Versions } from './versions.tsx';

/** The card of one model: everything that its maker signed, and everything that others do with it. */
export function HubModel({ state, maker, model }: { state: NetworkState; maker: string; model: string }) {
  const { api } = state;
  const [card, setCard] = useState<HubCard>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    api.hubModel(maker, model).then(setCard, (error: Error) => setProblem(error.message));
  }, [api, maker, model]);
  if (problem !== undefined) return <p class="empty">{`The model is not read: ${problem.replace(/\.$/, '')}.`}</p>;
  if (card === undefined) return <p class="empty">Reading the registry and the places of the model …</p>;
  const { manifest, lineage } = card;
  return (
    <>
      <Card title={`${maker}/${model}`} wide>
        <Manifest card={card} manifest={manifest} />
      </Card>
      <Checks state={state} card={card} />
      <Readme text={card.readme} problem={card.readmeProblem} />
      <Served state={state} card={card} />
      <Versions versions={card.versions} />
      {manifest && <LineageGraph model={`${maker}/${model}`} root={card.modelRoot} edges={lineage} />}
      {manifest && <Evaluations hashes={manifest.evaluations} places={listPlaces(card)} />}
      {manifest && <Pins pins={card.pins} files={manifest.files} />}
      {manifest && <Files files={manifest.files} />}
    </>
  );
}

/** Places of the version that is shown. */
const listPlaces = ({ versions, modelRoot }: HubCard): readonly string[] =>
  versions.find((one) => one.modelRoot === modelRoot)?.places ?? [];

function Manifest({ card, manifest }: { card: HubCard; manifest: HubManifestFacts | undefined }) {
  const { owner, modelRoot, problem } = card;
  return (
    <>
      <Facts
        rows={[
          [
            'Maker',
            owner === undefined ? (
              'nobody owns the name'
            ) : (
              <Hash key="owner" hex={owner} href={`#/account/${owner}`} label="maker" />
            ),
          ],
          ['Content root', <Hash key="root" hex={modelRoot} />],
          ...(manifest === undefined
            ? []
            : ([
                ['Version', manifest.version],
                ['Licence', manifest.licence],
                ['Size', formatBytes(manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))],
              ] as const)),
        ]}
      />
      {manifest === undefined ? (
        <p class="banner">{`The manifest is not read: ${problem ?? 'no reason is given'}.`}</p>
      ) : (
        manifest.notes !== '' && <p class="notes">{manifest.notes}</p>
      )}
    </>
  );
}

/** The checks of this browser. Without an address of the chain, the owner of a name is the gateway's statement. */
function Checks({ state: { reader, deployment }, card }: { state: NetworkState; card: HubCard }) {
  const [checks, setChecks] = useState<readonly Check[]>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    if (deployment === undefined) return;
    const run = async (): Promise<void> => {
      const { checkManifest } = await loadManifest();
      setChecks(await checkManifest(card, deployment, reader));
    };
    run().catch((error: Error) => setProblem(error.message));
  }, [reader, deployment, card]);
  if (card.manifest === undefined) return null;
  return (
    <Card title="Checked in this browser" wide>
      {problem !== undefined && <p class="empty">{`It is not checked: ${problem}.`}</p>}
      {checks === undefined ? (
        problem === undefined && <p class="empty">Checking the manifest …</p>
      ) : (
        <CheckList checks={checks} label="Checks of the manifest" />
      )}
    </Card>
  );
}

function Files({ files }: { files: HubManifestFacts['files'] }) {
  return (
    <Card title="Files" wide>
      <Table label="Files" head={['File', 'Format', 'Size', 'Blob']}>
        {files.map(({ path, format, sizeBytes, blob }) => (
          <tr key={path}>
            <td>{path}</td>
            <td>{format}</td>
            <td>{formatBytes(sizeBytes)}</td>
            <td>
              <Hash hex={blob} />
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
