// SPDX-License-Identifier: Apache-2.0

// Makes the page pleasant. Nothing needs it: without it forms are sent, pages are
// loaded, and questions are pages of their own. It makes no markup of texts: what
// it shows comes as documents of this host, which are parsed without scripts.
(() => {
  "use strict";

  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("credhost") : null;

  // load asks this host for a document. Who is not signed in any more gets there.
  function load(address, body) {
    return new Promise((done, failed) => {
      const x = new XMLHttpRequest();
      x.open(body ? "POST" : "GET", address);
      x.responseType = "document";
      if (body) x.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
      x.onload = () => (x.responseXML ? done({ page: x.responseXML, status: x.status, url: x.responseURL }) : failed(new Error("no page")));
      x.onerror = failed;
      x.send(body);
    });
  }

  // announce says something to who cannot see that the page has changed.
  function announce(text) {
    const done = $("#done");
    done.replaceChildren();
    setTimeout(() => {
      const p = document.createElement("p"), span = document.createElement("span");
      span.textContent = text;
      p.append(span);
      done.append(p);
    }, 50);
  }

  // take gives an element what it has on another page. An element that speaks stays
  // where it is, so that what is new in it is spoken.
  function take(old, now) {
    old.className = now.className;
    old.replaceChildren(...document.importNode(now, true).childNodes);
    prepare(old);
    const said = $("[aria-live]", old);
    if (said) {
      const words = [...said.childNodes];
      said.replaceChildren();
      setTimeout(() => said.append(...words), 50);
    }
  }

  // A form with data-swap is sent in place: some elements of the page, the first of
  // which has the form, take on what they are on the page that answers.
  async function swap(form) {
    const ids = form.dataset.swap.split(" "), old = document.getElementById(ids[0]), button = $("button", form);
    if (old.getAttribute("aria-busy") === "true") return;
    const text = button.textContent;
    old.setAttribute("aria-busy", "true");
    button.setAttribute("aria-disabled", "true");
    button.textContent = form.dataset.busy;
    try {
      const { page, url } = await load(form.action, new URLSearchParams(new FormData(form)).toString());
      if (!page.getElementById(ids[0])) return void location.assign(url);
      for (const id of ids) {
        const [here, there] = [document.getElementById(id), page.getElementById(id)];
        if (here && there) take(here, there);
      }
      const again = $("form[data-swap] button", old);
      if (again) again.focus({ preventScroll: true });
    } catch {
      button.textContent = text;
      HTMLFormElement.prototype.submit.call(form);
    } finally {
      old.removeAttribute("aria-busy");
      button.removeAttribute("aria-disabled");
    }
  }

  // A link with data-ask leads to a question, which is asked in a dialog.
  async function ask(link) {
    const dialog = $("#ask");
    try {
      const { page, status, url } = await load(link.href);
      const question = page.getElementById("question");
      if (!question || status !== 200) return void location.assign(url || link.href);
      const copy = document.importNode(question, true);
      copy.removeAttribute("id");
      const heading = $("h1", copy);
      heading.id = "ask-heading";
      heading.tabIndex = -1;
      dialog.replaceChildren(copy);
      dialog.showModal();
      heading.focus();
    } catch {
      location.assign(link.href);
    }
  }

  // A visit to a provider is a window of its own, where the browser opens one.
  function popup(form) {
    const width = 520, height = 720;
    const left = Math.max(0, window.screenX + (window.outerWidth - width) / 2), top = Math.max(0, window.screenY + (window.outerHeight - height) / 2);
    const opened = window.open("about:blank", "credhost-connect", `popup,width=${width},height=${height},left=${left},top=${top}`);
    if (!opened) return;
    if (!$("[name=_popup]", form)) {
      const mark = document.createElement("input");
      mark.type = "hidden";
      mark.name = "_popup";
      mark.value = "1";
      form.append(mark);
    }
    form.target = "credhost-connect";
    setTimeout(() => { form.removeAttribute("target"); const mark = $("[name=_popup]", form); if (mark) mark.remove(); }, 0);
  }

  async function copy(button) {
    const from = document.getElementById(button.dataset.copyFrom), text = from.value || from.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (!from.select) return;
      from.select();
      document.execCommand("copy");
    }
    const was = button.textContent;
    button.textContent = button.dataset.copied;
    announce(button.dataset.copied);
    setTimeout(() => { button.textContent = was; }, 2000);
  }

  function filter(input) {
    const list = document.getElementById(input.dataset.filter), words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const item of list.children) {
      item.hidden = !words.every((word) => item.dataset.text.toLowerCase().includes(word));
      if (!item.hidden) left++;
    }
    document.getElementById(`${list.id}-none`).hidden = left > 0;
  }

  // prepare sets up what came to the page.
  function prepare(root) {
    for (const el of $$("[data-copy-from]", root)) el.hidden = false;
    for (const el of $$("main [data-noscript]", root)) el.hidden = true;
    for (const el of $$("time", root)) {
      const at = new Date(el.dateTime);
      if (!isNaN(at)) el.title = at.toLocaleString(document.documentElement.lang);
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.swap) {
      event.preventDefault();
      return void swap(form);
    }
    if ("popup" in form.dataset) popup(form);
    if (form.method !== "post" || form.target) return;
    if (form.dataset.sent) return void event.preventDefault(); // a second click
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 3000);
  });

  document.addEventListener("click", (event) => {
    const el = event.target.closest && event.target.closest("a, button");
    if (!el || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if ("ask" in el.dataset) {
      event.preventDefault();
      ask(el);
    } else if ("close" in el.dataset && el.closest("dialog")) {
      event.preventDefault();
      el.closest("dialog").close();
    } else if (el.dataset.copyFrom) {
      copy(el);
    }
  });

  document.addEventListener("input", (event) => { if (event.target.dataset.filter) filter(event.target); });

  // A page that the browser has kept may be of somebody who has signed out.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  function begin() {
    prepare(document);
    const done = $("#done p");
    if (done) { // what is there from the start is not spoken
      const parent = done.parentElement;
      done.remove();
      setTimeout(() => parent.append(done), 100);
      if (location.search.includes("done=")) history.replaceState(null, "", location.pathname);
    }
    const link = $("form[data-signin] [name=link]");
    if (link && location.hash.length > 1) {
      link.value = location.hash.slice(1);
      history.replaceState(null, "", location.pathname + location.search);
      $("form[data-signin] button").focus();
    }
    const wrong = $("main [data-wrong]");
    if (wrong) wrong.focus();
    const filtered = $("[data-filter]");
    if (filtered) filter(filtered);
    const arrival = $("#arrival");
    if (arrival && arrival.dataset.ok === "true" && "popup" in arrival.dataset) {
      if (channel) channel.postMessage({ connected: arrival.dataset.id });
      setTimeout(() => window.close(), 600);
    }
  }
  if (channel) {
    channel.onmessage = (event) => {
      if (event.data && event.data.connected && location.pathname.endsWith(`/credentials/${event.data.connected}`)) location.assign(`${location.pathname}?done=connected`);
    };
  }
  begin();
})();
