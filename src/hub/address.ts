/**
 * Where things are on a hub: Hugging Face's addresses, below whatever path a mirror has.
 */
import { LinescribeError } from "../base/error.ts";

/**
 * Reads the address of a hub, `https://huggingface.co` or `https://mirror.example/api/huggingface`.
 *
 * @throws {LinescribeError} CONFIG_INVALID for what no hub can be at.
 */
export function parseHub(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const sound =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (!sound) {
    throw new LinescribeError(
      "CONFIG_INVALID",
      "Expected the address of a hub such as https://huggingface.co, with http or https and without credentials " +
        "or a query; a token goes into HF_TOKEN",
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

/** The list of a repository's files, with sizes and digests. */
export function listAddress(hub: URL, repository: string, revision: string): URL {
  return below(hub, `api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`);
}

/** A file as it was at a commit. */
export function fileAddress(hub: URL, repository: string, commit: string, file: string): URL {
  return below(hub, `${repository}/resolve/${commit}/${encodeURIComponent(file)}`);
}

/** The page of a repository, for people. */
export function pageAddress(hub: URL, repository: string): string {
  return below(hub, repository).href;
}

function below(hub: URL, path: string): URL {
  return new URL(`${hub.href.replace(/\/+$/, "")}/${path}`);
}
