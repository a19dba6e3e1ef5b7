import { Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ModelRow, OfferRow } from '../data/api.ts';
import { readMaker } from '../data/ledger.ts';
import type { NetworkState } from '../data/store.ts';
import { formatPpm } from '../format.ts';
import { Amount, Card, Facts, Hash, Table, tellMissing } from './parts.tsx';

/** A name that may continue on another line after each slash. */
const breakName = (id: string) =>
  id.split('/').map((part, i) => (
    <Fragment key={part}>
      {i > 0 && (
        <>
          /<wbr />
        </>
      )}
      {part}
    </Fragment>
  ));

/** A price of 1,000 units. */
export function Price({ atomic, units = 'units' }: { atomic: bigint; units: ModelRow['units'] }) {
  return (
    <>
      <Amount atomic={atomic} /> <small class="per">per 1,000 {units}</small>
    </>
  );
}

export function ModelRows({
  state,
  models,
  isBrief,
}: {
  state: NetworkState;
  models: readonly ModelRow[] | undefined;
  isBrief?: boolean;
}) {
  return (
    <Table
      label="Models"
      head={['Model', 'Price', 'Providers', ...(isBrief ? [] : ['Free', 'Verifiers', 'Context'])]}
      empty={
        models === undefined
          ? tellMissing(state, 'models', 'Asking the router …')
          : models.length === 0 && (
              <>
                Nobody serves it now. See the <a href="#/models">models on offer</a>, or find it in the{' '}
                <a href="#/hub">hub</a>.
              </>
            )
      }
    >
      {(models ?? []).map((model) => (
        <tr key={`${model.id}${model.modelRoot}`}>
          <td>
            <a href={`#/models/${encodeURIComponent(model.id)}`}>{breakName(model.id)}</a>
          </td>
          <td>
            <Price atomic={model.minPricePer1k} units={model.units} />
          </td>
          <td>{model.promptReaders === 1 ? model.providers : `${model.providers}, shards: ${model.promptReaders}`}</td>
          {!isBrief && (
            <>
              <td>{model.freeCapacity}</td>
              <td>{model.verifiers}</td>
              <td>{model.contextSize.toLocaleString('en')}</td>
            </>
          )}
        </tr>
      ))}
    </Table>
  );
}

/** Providers that serve a model now, with price and figures. */
function Offers({ state: { api, readMs }, id, units }: { state: NetworkState; id: string; units: ModelRow['units'] }) {
  const [read, setRead] = useState<{ readonly offers: readonly OfferRow[]; readonly hasMore: boolean }>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    api.offers(id).then(
      (found) => {
        setRead(found);
        setProblem(undefined);
      },
      (error: Error) => setProblem(error.message),
    );
    // With each reading of the network.
  }, [api, id, readMs]);
  return (
    <Card title="Offers" wide>
      <Table
        label="Offers"
        head={[
          'Provider',
          'Price',
          'Free',
          'Tokens per second',
          'First token',
          'Reputation',
          'Stake',
          'Class',
          'Shards',
        ]}
        empty={
          read === undefined
            ? problem === undefined
              ? 'Asking the router …'
              : `The offers are not read: ${problem}.`
            : read.offers.length === 0 && 'Nobody offers this model now.'
        }
      >
        {(read?.offers ?? []).map((offer) => (
          <tr key={`${offer.provider} ${offer.numericClass}`}>
            <td>
              <Hash hex={offer.provider} href={`#/providers/${offer.provider.slice(2)}`} label="provider" />
            </td>
            <td>
              <Price atomic={offer.pricePer1k} units={units} />
            </td>
            <td>{`${offer.freeCapacity} of ${offer.capacity}`}</td>
            <td>{offer.tokensPerSecond === undefined ? 'not measured' : offer.tokensPerSecond.toFixed(1)}</td>
            <td>{offer.latencyMs === undefined ? 'not measured' : `${offer.latencyMs} ms`}</td>
            <td>{formatPpm(offer.reputationPpm)}</td>
            <td>{offer.stake.toLocaleString('en')}</td>
            <td>{offer.numericClass}</td>
            <td>{offer.promptReaders === 1 ? 'none' : `${offer.promptReaders}, each reads the prompt`}</td>
          </tr>
        ))}
      </Table>
      {read?.hasMore && <p class="note">There are more offers than these.</p>}
    </Card>
  );
}

/** A cohort counts in the tier of its weakest member: the one in the model's name. */
const describeCohort = ({ id, promptReaders }: ModelRow): string =>
  promptReaders === 1
    ? 'none: one provider serves a reply'
    : `up to ${promptReaders} shards; each reads the prompt and the answer; weakest member: ${id.split('/')[1]}`;

/** Publisher of the weights, and its share of their fees. */
function Maker({ state: { reader, deployment, ledger }, root }: { state: NetworkState; root: string }) {
  const [maker, setMaker] = useState<string>();
  useEffect(() => {
    if (reader === undefined || deployment === undefined) return;
    const modelRoot = `0x${root.replace(/^0x/, '')}` as const;
    readMaker(reader, deployment, modelRoot).then(
      (found) => setMaker(found ?? 'nobody'),
      () => setMaker(undefined),
    );
  }, [reader, deployment, ledger?.block, root]);
  if (maker === undefined) return <>not read</>;
  const share = formatPpm(ledger?.shares.maker ?? 0);
  if (maker === 'nobody') return <>nobody has published these weights</>;
  return (
    <>
      <Hash hex={maker} href={`#/account/${maker}`} label="maker" /> has {share} of what they earn
    </>
  );
}

/** The card of a model is the same in all tiers. */
function HubLink({ id }: { id: string }) {
  const name = id.split('/').slice(2).join('/');
  return <a href={`#/hub/${name}`}>{`card of ${name}`}</a>;
}

export function Models({ state, id }: { state: NetworkState; id?: string }) {
  const found = state.models?.filter((model) => id === undefined || model.id === id);
  return (
    <>
      <Card title={id === undefined ? 'Models on offer' : id} wide>
        <ModelRows state={state} models={found} />
        <p class="note">
          The router says so. The model registry on the chain proves the weights behind a name: a receipt's check is{' '}
          <code>model-root</code>.
        </p>
      </Card>
      {id !== undefined && <Offers key={id} state={state} id={id} units={found?.[0]?.units} />}
      {id !== undefined &&
        found?.map((model) => (
          <Card key={model.modelRoot} title="Weights" wide>
            <Facts
              rows={[
                ['Hub', <HubLink key="hub" id={model.id} />],
                ['Content root', <Hash key="root" hex={model.modelRoot} />],
                ['Maker', <Maker key="maker" state={state} root={model.modelRoot} />],
                ['Numeric classes', model.numericClasses.join(', ') || 'none'],
                ['Providers that read a prompt', String(model.promptReaders)],
                ['Cohort', describeCohort(model)],
                ['Verifiers with stake', String(model.stakedVerifiers)],
              ]}
            />
          </Card>
        ))}
    </>
  );
}
