import type { ChatSession, ChatState } from '../session.ts';

/** The switch that remembers a conversation, and the way to its memories. */
export function MemorySwitch({
  state: { remembers },
  session,
  isShown,
  onShow,
}: {
  state: ChatState;
  session: ChatSession;
  isShown: boolean;
  onShow: (isShown: boolean) => void;
}) {
  return (
    <div class="memory-switch">
      <h2>Memory</h2>
      <label>
        <input
          type="checkbox"
          checked={remembers}
          onChange={({ currentTarget }) => session.setRemembers(currentTarget.checked)}
        />
        Remember this conversation
      </label>
      <p class="note">
        The gateway then stores facts of this chat for your key, and adds fitting ones to your questions. Your key pays
        for it. Sealed questions and pictures are left out.
      </p>
      <button type="button" class="quiet small" aria-expanded={isShown} onClick={() => onShow(!isShown)}>
        Show memories
      </button>
    </div>
  );
}
