/**
 * Types of trades that come with the system, as data; members choose them by name or define their own. (T6, c10 ¶81)
 * Categories are whole category names as shops use them; keywords are found anywhere in a title, so short or ambiguous
 * words are not among them.
 */
import type { Criteria, KnownType, SharedType } from './types.ts';

interface SystemType extends KnownType {
  /** What it is called to Chinese readers. */
  readonly title: string;
}

/** Lists are texts with commas between. */
const type = (name: string, title: string, categories: string, keywords: string): SystemType => ({
  name,
  title,
  criteria: {
    categories: [name, title, ...categories.split(', ')],
    keywords: keywords.split(', '),
  },
});

export const systemTypes: readonly SystemType[] = [
  type(
    'electronics',
    '电子商品',
    'phones, mobile phones, computers, laptops, tablets, cameras, audio, 数码, 手机, 电脑, 相机',
    'smartphone, laptop, headphones, earbuds, charger, usb-c, 手机, 笔记本电脑, 耳机, 充电器, 平板电脑',
  ),
  type(
    'mother-and-baby',
    '母婴用品',
    'mother & baby, baby, maternity, nursery, infants, 母婴, 婴儿, 孕产',
    'diaper, nappies, stroller, pacifier, infant formula, baby bottle, 纸尿裤, 尿不湿, 婴儿车, 奶粉, 奶瓶',
  ),
  type(
    'home',
    '家居用品',
    'home & living, household, furniture, kitchen, bedding, lighting, 家居, 家具, 厨具, 床上用品, 灯具',
    'sofa, mattress, curtain, bookshelf, cookware, 沙发, 床垫, 窗帘, 书架, 炒锅',
  ),
  type(
    'entertainment',
    '娱乐服务',
    'movies, cinema, concerts, tickets, events, music, karaoke, 娱乐, 电影, 演出, 演唱会, 门票',
    'movie ticket, concert, theatre, karaoke, 电影票, 演唱会, 话剧, ktv',
  ),
  type(
    'food',
    '食品',
    'food & drink, groceries, snacks, beverages, fresh food, tea, 生鲜, 零食, 饮料, 茶叶, 粮油',
    'chocolate, biscuits, coffee beans, green tea, 巧克力, 饼干, 咖啡豆, 月饼, 大米, 坚果',
  ),
  type(
    'services',
    '服务',
    'local services, household services, cleaning, repairs, moving, 生活服务, 家政, 维修, 搬家',
    'house cleaning, repair service, plumber, 保洁, 上门维修, 搬家服务',
  ),
  type(
    'clothing',
    '服装',
    "clothes, fashion, apparel, women's clothing, men's clothing, underwear, 服饰, 女装, 男装, 内衣, 童装",
    't-shirt, jacket, jeans, sweater, dress shirt, 连衣裙, 衬衫, 牛仔裤, 羽绒服, 毛衣',
  ),
  type(
    'shoes-and-bags',
    '鞋靴箱包',
    'shoes, bags, luggage, footwear, handbags, 鞋, 箱包, 女鞋, 男鞋, 行李箱',
    'sneakers, sandals, backpack, suitcase, handbag, 运动鞋, 凉鞋, 双肩包, 行李箱, 手提包',
  ),
  type(
    'beauty',
    '美妆个护',
    'cosmetics, skin care, personal care, fragrance, hair care, 美妆, 护肤, 个护, 香水, 洗护',
    'lipstick, moisturizer, shampoo, sunscreen, perfume, 口红, 面霜, 洗发水, 防晒霜, 面膜',
  ),
  type(
    'health',
    '医药保健',
    'pharmacy, medicine, supplements, medical devices, wellness, 医药, 保健品, 医疗器械, 养生',
    'vitamin, thermometer, blood pressure monitor, first aid kit, 维生素, 体温计, 血压计, 口罩',
  ),
  type(
    'sports',
    '运动户外',
    'sports & outdoors, fitness, outdoor, cycling, camping, 运动, 户外, 健身, 骑行, 露营',
    'yoga mat, dumbbell, bicycle, sleeping bag, badminton, 瑜伽垫, 哑铃, 自行车, 帐篷, 羽毛球',
  ),
  type(
    'toys',
    '玩具',
    'toys & games, board games, models, building blocks, 玩具乐器, 桌游, 模型, 积木',
    'puzzle, board game, building blocks, plush toy, 拼图, 积木, 毛绒玩具, 桌游',
  ),
  type(
    'books',
    '图书',
    'books & magazines, e-books, textbooks, magazines, 书籍, 图书音像, 电子书, 教材, 杂志',
    'hardcover, paperback, textbook, e-book, 精装, 平装, 教材, 绘本',
  ),
  type(
    'games',
    '游戏',
    'video games, game consoles, game cards, pc games, 电子游戏, 游戏机, 点卡, 网络游戏',
    'game console, gamepad, gift card for games, 游戏机, 游戏手柄, 点卡, 游戏充值',
  ),
  type(
    'jewellery-and-watches',
    '珠宝钟表',
    'jewellery, jewelry, watches, accessories, 珠宝, 首饰, 钟表, 手表',
    'necklace, earrings, bracelet, wristwatch, 项链, 耳环, 手镯, 手表',
  ),
  type(
    'appliances',
    '家用电器',
    'home appliances, kitchen appliances, large appliances, televisions, 家电, 大家电, 小家电, 厨房电器, 电视',
    'refrigerator, washing machine, rice cooker, vacuum cleaner, 冰箱, 洗衣机, 电饭煲, 空调, 吸尘器',
  ),
  type(
    'pets',
    '宠物用品',
    'pet supplies, pet food, aquariums, 宠物, 猫粮, 狗粮, 水族',
    'cat food, dog food, cat litter, dog leash, 猫粮, 狗粮, 猫砂, 牵引绳',
  ),
  type(
    'automotive',
    '汽车用品',
    'cars, car accessories, auto parts, motorcycles, 汽车, 汽车配件, 车载电器, 摩托车',
    'dash cam, car charger, engine oil, tyre, 行车记录仪, 机油, 轮胎, 车载',
  ),
  type(
    'travel',
    '旅行',
    'travel & holidays, hotels, flights, train tickets, holidays, 旅游, 酒店, 机票, 火车票, 度假',
    'hotel room, flight ticket, airline ticket, city tour, 机票, 火车票, 酒店预订, 一日游, 签证',
  ),
  type(
    'office',
    '办公用品',
    'office supplies, printers, paper, writing instruments, 办公, 文具, 打印机, 耗材, stationery',
    'printer, toner, fountain pen, notebook paper, 打印机, 墨盒, 钢笔, 文件夹',
  ),
  type(
    'garden',
    '花卉园艺',
    'gardening, plants, flowers, seeds, 园艺, 鲜花, 绿植, 种子',
    'potted plant, flower bouquet, fertilizer, garden tools, 盆栽, 花束, 肥料, 多肉植物',
  ),
];

const byName = new Map<string, Criteria>(systemTypes.map(({ name, criteria }) => [name, criteria]));

export const isSystemType = (name: string): boolean => byName.has(name);

/**
 * Chosen types with what they mean. A system type that there is no more means nothing: so where `chosen` is not empty and
 * this is, nothing is shared; where `chosen` is empty, everything is.
 */
export function knownTypes(chosen: readonly SharedType[]): readonly KnownType[] {
  return chosen.flatMap(({ name, criteria = byName.get(name) }) =>
    criteria === undefined ? [] : [{ name, criteria }],
  );
}
