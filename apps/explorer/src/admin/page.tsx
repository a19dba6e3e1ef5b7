import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { Amount, Card, CopyButton, Table } from '../view/parts.tsx';
import { type AccountsView, type AdminApi, createAdminApi, type Money } from './api.ts';

interface Session {
  readonly api: AdminApi;
  readonly view: AccountsView;
}

/** A change, and where it makes a secret, the secret. */
type Act = (work: (api: AdminApi) => Promise<object>) => Promise<void>;

/** Accounts of a gateway, for whoever holds an admin secret. It is in memory alone, and gone with the tab. */
export function AdminPage({ baseUrl }: { baseUrl: string }) {
  const [session, setSession] = useState<Session>();
  const [made, setMade] = useState<string>();
  const [problem, setProblem] = useState<string>();

  async function open(api: AdminApi): Promise<void> {
    setProblem(undefined);
    try {
      setSession({ api, view: await api.view() });
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  const act: Act = async (work) => {
    if (session === undefined) return;
    setProblem(undefined);
    setMade(undefined);
    try {
      const { secret } = (await work(session.api)) as { readonly secret?: string };
      setMade(secret);
      setSession({ api: session.api, view: await session.api.view() });
    } catch (error) {
      setProblem((error as Error).message);
    }
  };

  return (
    <>
      <header class="top">
        <a class="brand" href="/">
          <img src="/explorer/icon.svg" alt="" width="26" height="26" />
          <span>
            OGONG <em>accounts</em>
          </span>
        </a>
        <nav aria-label="Pages">
          <a href="/">Chat</a>
          <a href="/explorer/">Explorer</a>
        </nav>
      </header>
      <main id="main">
        <h1>Accounts</h1>
        {problem && (
          <p class="banner bad" role="alert">
            {problem}
          </p>
        )}
        {made && (
          <section class="banner good" aria-label="The new secret">
            <p>This secret is shown once. Nobody can read it again, the gateway neither.</p>
            <code class="long" id="made">
              {made}
            </code>{' '}
            <CopyButton text={made} />
          </section>
        )}
        {session === undefined ? (
          <SignIn onSecret={(secret) => open(createAdminApi(secret, baseUrl))} />
        ) : (
          <Everything {...session} act={act} />
        )}
      </main>
    </>
  );
}

function SignIn({ onSecret }: { onSecret: (secret: string) => Promise<void> }) {
  return (
    <Card title="Who are you?" wide>
      <Form submit="Open" onSubmit={({ secret }) => onSecret(secret ?? '')}>
        <Field name="secret" label="Admin secret" isSecret />
      </Form>
      <p class="note">
        The operator makes one by <code>ogong-gatewayd admin secret</code>; members have their own. It stays in this
        tab.
      </p>
    </Card>
  );
}

function Everything({ api, view, act }: Session & { act: Act }) {
  const { organisations, keys, members, usage, changes } = view;
  const first = organisations[0]?.id ?? '';
  return (
    <>
      <Card title="Organisations" wide>
        <Table
          label="Organisations"
          head={['Organisation', 'Name', 'Budget', 'Spent', 'Reserved', 'Left']}
          empty={organisations.length === 0 && 'There is none yet.'}
        >
          {organisations.map((one) => (
            <tr key={one.id}>
              <td>{one.id}</td>
              <td>{one.name}</td>
              <MoneyCells money={one} />
            </tr>
          ))}
        </Table>
        <Form
          submit="Add or change"
          onSubmit={({ id, name, budget }) =>
            act((it) => it.putOrganisation({ id, name, ...(budget && { budget_atomic: budget }) }))
          }
        >
          <Field name="id" label="Organisation" />
          <Field name="name" label="Name" />
          <Field name="budget" label="Budget, atomic units" isOptional />
        </Form>
      </Card>
      <Card title="Keys" wide>
        <Table
          label="Keys"
          head={['Key', 'Name', 'Organisation', 'Budget', 'Spent', 'Reserved', 'Left', 'Models', 'State', 'Change']}
          empty={keys.length === 0 && 'There is none yet.'}
        >
          {keys.map((key) => (
            <tr key={key.id}>
              <td>
                <code>{key.id}</code>
              </td>
              <td>{key.name}</td>
              <td>{key.organisation}</td>
              <MoneyCells money={key} />
              <td>{key.models?.join(', ') ?? 'all'}</td>
              <td>{key.revoked_at ? 'revoked' : key.expires_at ? `until ${key.expires_at}` : 'live'}</td>
              <td>
                {!key.revoked_at && (
                  <>
                    <Action label={`Rotate ${key.name}`} onAct={() => act((it) => it.rotateKey(key.id))}>
                      Rotate
                    </Action>{' '}
                    <Action label={`Revoke ${key.name}`} onAct={() => act((it) => it.revokeKey(key.id))}>
                      Revoke
                    </Action>
                  </>
                )}
              </td>
            </tr>
          ))}
        </Table>
        <Form
          submit="Make a key"
          onSubmit={({ organisation, name, budget }) =>
            act((it) => it.addKey({ organisation, name, ...(budget && { budget_atomic: budget }) }))
          }
        >
          <Field name="organisation" label="Organisation" value={first} />
          <Field name="name" label="Name" />
          <Field name="budget" label="Budget, atomic units" isOptional />
        </Form>
      </Card>
      <Card title="Members" wide>
        <Table
          label="Members"
          head={['Organisation', 'Member', 'Role', 'Change']}
          empty={members.length === 0 && 'There is none yet.'}
        >
          {members.map((one) => (
            <tr key={`${one.organisation}/${one.id}`}>
              <td>{one.organisation}</td>
              <td>{one.id}</td>
              <td>{one.role}</td>
              <td>
                <Action label={`Remove ${one.id}`} onAct={() => act((it) => it.removeMember(one))}>
                  Remove
                </Action>
              </td>
            </tr>
          ))}
        </Table>
        <Form
          submit="Add or change"
          onSubmit={({ organisation, id, role }) => act((it) => it.putMember({ organisation, id, role }))}
        >
          <Field name="organisation" label="Organisation" value={first} />
          <Field name="id" label="Member" />
          <Field name="role" label="Role: owner, admin or member" value="member" />
        </Form>
      </Card>
      <Card title="Usage of the last thirty days" wide aside={<SaveCsv api={api} />}>
        <Table
          label="Usage"
          head={['Day', 'Key', 'Model', 'Replies', 'Prompt tokens', 'Output tokens', 'Cost']}
          empty={usage.length === 0 && 'Nothing was asked yet.'}
        >
          {usage.map((row) => (
            <tr key={`${row.day} ${row.key} ${row.model}`}>
              <td>{row.day}</td>
              <td>
                <code>{row.key}</code>
              </td>
              <td>{row.model}</td>
              <td>{row.replies}</td>
              <td>{row.prompt_tokens}</td>
              <td>{row.output_tokens}</td>
              <td>
                <Amount atomic={BigInt(row.cost_atomic)} />
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      {changes && (
        <Card title="Changes" wide>
          <Table
            label="Changes"
            head={['When', 'Who', 'What', 'Of', 'Detail']}
            empty={changes.length === 0 && 'Nothing was changed yet.'}
          >
            {changes.slice(0, 100).map((one) => (
              <tr key={one.id}>
                <td>{one.time}</td>
                <td>{one.actor}</td>
                <td>{one.action}</td>
                <td>{one.target}</td>
                <td>{one.detail}</td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
    </>
  );
}

function MoneyCells({ money }: { money: Money }) {
  const { budget_atomic: budget, spent_atomic: spent, reserved_atomic: reserved, left_atomic: left } = money;
  const show = (value: string | null) => (value === null ? 'no limit' : <Amount atomic={BigInt(value)} />);
  return (
    <>
      <td>{show(budget)}</td>
      <td>{show(spent)}</td>
      <td>{show(reserved)}</td>
      <td>{show(left)}</td>
    </>
  );
}

function Action({ label, onAct, children }: { label: string; onAct: () => void; children: ComponentChildren }) {
  return (
    <button type="button" class="quiet small" aria-label={label} onClick={onAct}>
      {children}
    </button>
  );
}

/** The API wants the secret in a header, so a plain link does not do. */
function SaveCsv({ api }: { api: AdminApi }) {
  const save = async () => {
    const url = URL.createObjectURL(new Blob([await api.usageCsv()], { type: 'text/csv' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = 'usage.csv';
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <button type="button" class="quiet small" onClick={() => void save()}>
      Save as CSV
    </button>
  );
}

function Form({
  submit,
  onSubmit,
  children,
}: {
  submit: string;
  onSubmit: (fields: Readonly<Record<string, string>>) => Promise<void>;
  children: ComponentChildren;
}) {
  return (
    <form
      class="fields"
      onSubmit={(event) => {
        event.preventDefault();
        const form = event.currentTarget;
        const fields = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()] as const);
        void onSubmit(Object.fromEntries(fields)).then(() => form.reset());
      }}
    >
      {children}
      <button type="submit">{submit}</button>
    </form>
  );
}

function Field({
  name,
  label,
  value = '',
  isSecret = false,
  isOptional = false,
}: {
  name: string;
  label: string;
  value?: string;
  isSecret?: boolean;
  isOptional?: boolean;
}) {
  const id = useId();
  const rest = { id, name, required: !isOptional, autocomplete: 'off', spellcheck: false } as const;
  return (
    <div>
      <label for={id}>{label}</label>
      {isSecret ? <input {...rest} type="password" /> : <input {...rest} type="text" defaultValue={value} />}
    </div>
  );
}
