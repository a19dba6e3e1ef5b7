import type { ModelRow } from '../data/api.ts';
import type { NetworkState } from '../data/store.ts';
import { Amount, Card, Facts, Hash, Table } from './parts.tsx';

export function ModelRows({ models, isBrief }: { models: readonly ModelRow[] | undefined; isBrief?: boolean }) {
  return (
    <Table
      label="Models"
      head={['Model', 'Per 1,000 tokens', 'Providers', ...(isBrief ? [] : ['Free', 'Verifiers', 'Context'])]}
      empty={models === undefined ? 'Asking the router …' : models.length === 0 && 'Nobody serves a model now.'}
    >
      {(models ?? []).map((model) => (
        <tr key={`${model.id}${model.modelRoot}`}>
          <td>
            <a href={`#/models/${encodeURIComponent(model.id)}`}>{model.id}</a>
          </td>
          <td>
            <Amount atomic={model.minPricePer1k} />
          </td>
          <td>{model.providers}</td>
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

export function Models({ state, id }: { state: NetworkState; id?: string }) {
  const found = state.models?.filter((model) => id === undefined || model.id === id);
  return (
    <>
      <Card title={id === undefined ? 'Models on offer' : id} wide>
        <ModelRows models={found} />
        <p class="note">
          The router says so. Which weights bear a name, the model registry on the chain proves: a receipt's check is{' '}
          <code>model-root</code>.
        </p>
      </Card>
      {id !== undefined &&
        found?.map((model) => (
          <Card key={model.modelRoot} title="Weights" wide>
            <Facts
              rows={[
                ['Content root', <Hash key="root" hex={model.modelRoot} />],
                ['Numeric classes', model.numericClasses.join(', ') || 'none'],
                ['Verifiers with stake', String(model.stakedVerifiers)],
              ]}
            />
          </Card>
        ))}
    </>
  );
}
