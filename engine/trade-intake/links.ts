/** Where links of trades may lead: to the hosts that the operator named for the platform, and nowhere else. (T12) */

export interface LinkRules {
  /** Of the platform, in lower case. */
  readonly linkHosts: readonly string[];
  /** Plain HTTP and ports of any number are allowed. */
  readonly sandbox: boolean;
}

export type SafeLink =
  /** `url` as every parser reads it. */
  | { readonly code: 'safe'; readonly url: string }
  | { readonly code: 'link' | 'link_scheme' | 'link_host' };

/** Checked when a trade comes, and again when somebody follows the link. */
export function safeLink(text: string, { linkHosts, sandbox }: LinkRules): SafeLink {
  if (!URL.canParse(text)) return { code: 'link' };
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(sandbox && url.protocol === 'http:')) {
    return { code: 'link_scheme' };
  }
  if (url.username !== '' || url.password !== '') return { code: 'link' };
  if (url.port !== '' && !sandbox) return { code: 'link_host' };
  // A dot at the end names the same host.
  if (!linkHosts.includes(url.hostname.replace(/\.$/, ''))) return { code: 'link_host' };
  return { code: 'safe', url: url.href };
}
