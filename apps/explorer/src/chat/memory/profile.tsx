import { useState } from 'preact/hooks';
import { plural } from '../../format.ts';
import type { PanelMemories } from './memory-client.ts';
import type { PanelProfile, PanelText } from './parse-memory.ts';
import { toDay } from './to-day.ts';

/** The texts about the user. They are read when they are opened, since a model may have to make them. */
export function Profile({ api }: { api: Pick<PanelMemories, 'readProfile'> }) {
  const [profile, setProfile] = useState<PanelProfile>();
  const [problem, setProblem] = useState<string>();
  const open = (isOpen: boolean): void => {
    if (!isOpen) return;
    setProblem(undefined);
    api.readProfile().then(setProfile, (error: Error) => setProblem(error.message));
  };
  return (
    <details class="raw profile" onToggle={({ currentTarget }) => open(currentTarget.open)}>
      <summary>About you</summary>
      <p class="note">A model writes these texts from your memories, and your key pays for it.</p>
      {problem && (
        <p class="problem" role="alert">
          The texts were not read: {problem}
        </p>
      )}
      {profile === undefined && !problem && <p role="status">Reading …</p>}
      {profile && <Texts profile={profile} />}
    </details>
  );
}

function Texts({ profile: { bio, categories } }: { profile: PanelProfile }) {
  if (bio === undefined && categories.length === 0) return <p class="empty">There are no memories to write about.</p>;
  return (
    <>
      {bio && <OneText title="Bio" text={bio} />}
      {categories.map(({ name, text }) => (
        <OneText key={name} title={name} text={text} />
      ))}
    </>
  );
}

function OneText({ title, text: { sentences, generatedAt, isWritten } }: { title: string; text: PanelText }) {
  return (
    <section>
      <h3>{title}</h3>
      {sentences.length === 0 && <p class="note">The memories support no sentence of the model.</p>}
      <ul>
        {sentences.map(({ text, memories }) => (
          <li key={text}>
            {text} {!isWritten && <small>from {plural(memories, 'memory', 'memories')}</small>}
          </li>
        ))}
      </ul>
      <p class="note">
        {isWritten ? 'written by you' : 'written by a model'}, {toDay(generatedAt)}
      </p>
    </section>
  );
}
