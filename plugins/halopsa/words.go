// SPDX-License-Identifier: Apache-2.0

package main

// words are the translations. HaloPSA's own interface is English, so what is to
// be found there keeps its name. An agent is one of the staff who support
// customers (客服人员), not a proxy (代理).
var words = map[string]map[string]string{
	"zh-Hans": {
		"Hosting type":        "托管类型",
		"On Premise Solution": "本地部署解决方案",
		"You run the Halo application on your own server.":          "您在自己的服务器上运行 Halo 应用。",
		"Hosted Solution Of Halo":                                   "Halo 托管解决方案",
		"Halo runs the application for you. Your tenant is needed.": "由 Halo 为您托管应用。需要填写您的租户名称。",

		"Authorisation server URL": "授权服务器 URL",
		"Shown in HaloPSA in Configuration > Integrations > Halo API, under API Details.": "在 HaloPSA 的“Configuration > Integrations > Halo API”页面中，显示在“API Details”下。",

		"Resource server URL": "资源服务器 URL",
		"Shown in the same place. It is the URL of your Halo web application, followed by /api.": "显示在同一位置。它由您的 Halo Web 应用的 URL 加上 /api 组成。",

		"Tenant": "租户",
		"The name of your tenant, shown in the same place.": "您的租户名称，显示在同一位置。",

		"HaloPSA checks the permissions of the application and those of its agent: a call needs both.": "HaloPSA 会同时检查应用的权限及其客服人员（Agent）的权限：调用 API 时，两者缺一不可。",

		"Client ID": "客户端 ID",
		"Register an application in the Halo API settings. Choose the authentication method Client ID and Secret (Services), also called Client Credentials, and the login type Agent, with an API-only agent made for this purpose. On the Permissions tab, tick all. Copy the ID only after you have saved.": "在 Halo API 设置中注册一个应用。身份验证方法选择“Client ID and Secret (Services)”（也称为“Client Credentials”），登录类型选择“Agent”，并指定一个专为此用途创建、仅供 API 使用的客服人员（Agent）账户。在“Permissions”选项卡中勾选“all”。请先保存，然后再复制客户端 ID。",

		"Client secret": "客户端密钥",
		"Shown once, when the application is registered. If it is lost, generate a new one.": "仅在注册应用时显示一次。如果丢失，请重新生成。",

		"Scope": "作用域",
		"One or more, separated by spaces. They reach no further than the permissions that are ticked on the application.": "可填写一个或多个作用域，以空格分隔。授予的权限不会超出应用中已勾选的权限。",

		"HaloPSA does not take the client ID and secret: check both; a lost secret can be generated anew":                                            "HaloPSA 不接受此客户端 ID 和客户端密钥：请检查这两项；如果密钥丢失，可以重新生成",
		"HaloPSA gives this application no token: its authentication method must be Client ID and Secret (Services), also called Client Credentials": "HaloPSA 不向此应用颁发令牌：应用的身份验证方法必须是“Client ID and Secret (Services)”（也称为“Client Credentials”）",
		"is not a scope that HaloPSA knows, or is not ticked on the application":                                                                     "不是 HaloPSA 可识别的作用域，或者未在应用中勾选",
		"is probably not the tenant's name: HaloPSA does not take the request":                                                                       "可能不是正确的租户名称：HaloPSA 不接受此请求",
		"is not where HaloPSA answers: copy it from API Details; it usually ends in /auth":                                                           "不是 HaloPSA 的响应地址：请从“API Details”中复制；该地址通常以 /auth 结尾",
		"is not where HaloPSA answers: copy it from API Details; it usually ends in /api":                                                            "不是 HaloPSA 的响应地址：请从“API Details”中复制；该地址通常以 /api 结尾",
		"looks like the other one: are the two URLs swapped?":                                                                                        "看起来是另一个 URL：是否将两个 URL 填反了？",
		"is not a URL": "不是有效的 URL",
		"HaloPSA gave a token without a scope, which its API does not take: tick permissions on the application":                    "HaloPSA 颁发的令牌不含作用域，其 API 不接受这样的令牌：请在应用中勾选权限",
		"the HaloPSA API does not take the token: check that the agent still has access, and that the resource server URL is right": "HaloPSA API 不接受此令牌：请检查客服人员（Agent）是否仍有访问权限，以及资源服务器 URL 是否正确",
		"the client works, but the application or its agent lacks a permission":                                                     "客户端凭据有效，但应用或其客服人员（Agent）缺少某项权限",
	},
}
