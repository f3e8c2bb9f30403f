// SPDX-License-Identifier: Apache-2.0

package main

// words are the translations. Fax.Plus's own help leaves the names of its
// menus in English, and so do they.
var words = map[string]map[string]string{
	"ru": {
		"Authentication method": "Способ аутентификации",
		"Both need the Enterprise plan, and an owner or administrator in the web app.": "Для обоих способов нужны тариф Enterprise и права владельца или администратора в веб-приложении.",
		"Recommended. You make it once; it expires on the date that you choose.":       "Рекомендуется. Вы создаёте токен один раз; он действует до выбранной вами даты.",
		"OAuth 2.0":                          "OAuth 2.0",
		"You approve access in the browser.": "Вы подтверждаете доступ в браузере.",

		"Personal Access Token": "Персональный токен доступа",
		"Profile > Integrations > FAX.PLUS API > Personal Access Tokens > Manage > Generate Token. Choose a name, an expiration date and the scopes, both edit and read. Copy it now: you will not be able to see it again.": "Перейдите в раздел «Profile > Integrations > FAX.PLUS API > Personal Access Tokens > Manage» и нажмите «Generate Token». Укажите имя, дату окончания срока действия и области доступа (scopes) — и edit, и read. Сразу скопируйте токен: увидеть его ещё раз вы не сможете.",

		"Token expires": "Токен действует до",
		"The date that you chose, so that you can be warned in time.": "Дата, которую вы выбрали: по ней вас можно будет предупредить заранее.",

		"Add this host's redirect URL to the redirect URIs of the API client at Fax.Plus, letter for letter.": "Добавьте URL перенаправления этого хоста в список URI перенаправления API-клиента в Fax.Plus — символ в символ.",

		"Client ID": "ID клиента",
		"Profile > Integrations > Fax.Plus API > Activate. It starts with APIK-.": "Перейдите в раздел «Profile > Integrations > Fax.Plus API» и нажмите «Activate». ID начинается с «APIK-».",
		"Client secret":                                       "Секрет клиента",
		"Shown in the same place.":                            "Указан там же.",
		"The account has Advanced Security Controls":          "В учётной записи включён расширенный контроль безопасности (Advanced Security Controls)",
		"If so, access must be approved again every 30 days.": "В этом случае доступ нужно подтверждать заново каждые 30 дней.",

		"Fax.Plus does not take the approval: check that this host's redirect URL is one of the client's, and connect again":    "Fax.Plus не принимает подтверждение доступа: убедитесь, что URL перенаправления этого хоста есть среди URI перенаправления клиента, и подключитесь заново",
		"Fax.Plus does not renew the access any more: connect again; with Advanced Security Controls this is due every 30 days": "Fax.Plus больше не продлевает доступ: подключитесь заново; при расширенном контроле безопасности (Advanced Security Controls) это требуется каждые 30 дней",
		"Fax.Plus does not take the client ID and secret: enter them again":                                                     "Fax.Plus не принимает ID и секрет клиента: введите их заново",
		"Fax.Plus does not take the personal access token: it is wrong, or has expired; generate another":                       "Fax.Plus не принимает персональный токен доступа: он неверен или срок его действия истёк; создайте новый",
		"the credential works, but the Fax.Plus account is not active":                                                          "учётные данные действительны, но учётная запись Fax.Plus неактивна",
		"something other than Fax.Plus answers: try again later":                                                                "отвечает не Fax.Plus, а что-то другое: повторите попытку позже",
	},
}
