/** Brings verification codes to users: text message, mail, whatever the operator has. (E17 ¶202–213) */

export interface CodeMessage {
  /** Sending again with the same id must not confuse: it is the same code. */
  readonly id: string;
  readonly userId: string;
  readonly code: string;
  readonly expiresAt: number;
}

export interface CodeSender {
  /** @returns false when nobody knows whether it was taken: the caller may send it again */
  send(message: CodeMessage): Promise<boolean>;
}
