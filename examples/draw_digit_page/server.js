// The networks of the server that this page came from. (A page that is kept has network.js in place of this file.)
async function asked(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new Error(`${error.message}. Is draw_digit.py still running?`);
  }
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

window.source = {
  about: () => asked("/about.json"),
  recognize: (body) =>
    asked("/recognize", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body }),
};
